"""How each live bus is opened for one test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from telemetra.adapters.memory import MemoryLiveBus
from telemetra.adapters.redis import open_redis
from telemetra.domain.ports import LiveBus
from tests.contract.proxy import Proxy

PUBLISH_SECONDS: Final = 10.0
"""A busy machine may hold a publisher up for longer than the service would wait."""

BUSES: Final = ["memory_bus", "redis_bus"]
"""Names of the fixtures that open a world each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusWorld:
    """A bus that nobody else uses; `away` takes it away for a while."""

    bus: LiveBus
    away: Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def open_memory_bus() -> AsyncIterator[BusWorld]:
    bus = MemoryLiveBus()

    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        with bus.unavailable():
            yield

    yield BusWorld(bus=bus, away=away)


@asynccontextmanager
async def open_redis_bus(url: str) -> AsyncIterator[BusWorld]:
    """Open a bus on a real server, through a proxy that can hang up."""
    async with (
        proxied(url) as (proxy, proxied_url),
        open_redis(proxied_url, namespace=secrets.token_hex(4), publish_seconds=PUBLISH_SECONDS) as redis,
    ):

        @asynccontextmanager
        async def away() -> AsyncIterator[None]:
            await proxy.cut()
            try:
                yield
            finally:
                await proxy.restore()

        yield BusWorld(bus=redis.bus, away=away)


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Put a proxy before a server, and return it with the address to use in place of the server's."""
    parts = urlsplit(url)
    assert parts.hostname
    async with Proxy(parts.hostname, parts.port or 6379) as proxy:
        user = parts.netloc.rpartition("@")[0]
        yield proxy, parts._replace(netloc=f"{user}@127.0.0.1:{proxy.port}").geturl()
