"""Redis or Valkey: what the service asks of it, and never waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from telemetra.domain.errors import RedisUnavailable

__all__ = ["RedisPorts", "RedisProbe", "open_redis"]

_ANSWER_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPorts:
    """What Redis gives the service."""

    probe: RedisProbe


class RedisProbe:
    """Pings Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def check(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._client.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise RedisUnavailable("Redis does not answer.") from error


@asynccontextmanager
async def open_redis(url: str) -> AsyncIterator[RedisPorts]:
    """
    Open the service's side of Redis; nothing is sent until something is asked, so a Redis that is away is no obstacle.

    Retries are off: the client's default turns a dead Redis into seconds of waiting.
    """
    client = Redis.from_url(
        url,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield RedisPorts(probe=RedisProbe(client))
    finally:
        await client.aclose()
