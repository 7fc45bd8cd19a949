"""A service that is killed on the way, and comes back at the same address."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from telemetra.adapters.postgres import PostgresAddress
from tests.e2e.service import Service, external, serving


class Killable:
    """A service on a database that is not its own, which comes back at the same address."""

    def __init__(self, stack: AsyncExitStack, data_dir: Path, environ: dict[str, str]) -> None:
        self._stack = stack
        self._data_dir = data_dir
        self._environ = environ
        self._service: Service | None = None
        self.kills = 0

    @property
    def service(self) -> Service:
        assert self._service is not None
        return self._service

    async def start(self, port: int = 0) -> None:
        starting = serving(self._data_dir, "--port", str(port), **self._environ)
        self._service = await self._stack.enter_async_context(starting)

    async def kill_and_start_again(self) -> None:
        await self.service.end(signal.SIGKILL)
        self.kills += 1
        await self.start(urlsplit(self.service.url).port or 0)


@asynccontextmanager
async def killable_service(
    data_dir: Path, database: PostgresAddress, redis_url: str, **settings: str
) -> AsyncIterator[Killable]:
    """Serve that database; its heartbeats come each second, unless the settings say otherwise."""
    environ = {**external(database, redis_url), "LIVE_HEARTBEAT": "1", **settings}
    async with AsyncExitStack() as stack:
        killable = Killable(stack, data_dir, environ)
        await killable.start()
        yield killable
