"""Redis or Valkey: what the service asks of it, and never waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio import ConnectionPool, Redis

from telemetra.adapters.redis.answers import GET_SECONDS, RedisAnswers
from telemetra.adapters.redis.bus import PUBLISH_SECONDS, RedisLiveBus
from telemetra.adapters.redis.connections import connection_arguments, connector
from telemetra.adapters.redis.examination import examine_redis
from telemetra.adapters.redis.probe import ANSWER_SECONDS, RedisProbe
from telemetra.tls import TlsFiles

__all__ = ["RedisAnswers", "RedisLiveBus", "RedisPorts", "RedisProbe", "examine_redis", "open_redis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPorts:
    """What Redis gives the service."""

    bus: RedisLiveBus
    answers: RedisAnswers
    probe: RedisProbe


@asynccontextmanager
async def open_redis(
    url: str,
    *,
    namespace: str,
    tls: TlsFiles | None = None,
    publish_seconds: float = PUBLISH_SECONDS,
    get_seconds: float = GET_SECONDS,
) -> AsyncIterator[RedisPorts]:
    """
    Open the service's side of Redis; nothing is sent until something is asked, so a Redis that is away is no obstacle.

    `namespace` names the database that the service serves: several deployments may share a Redis. Retries are off: the
    client's default turns a dead Redis into seconds of waiting.
    """
    asking: dict[str, Any] = connection_arguments(url, tls) | {
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": ANSWER_SECONDS,
    }
    client = Redis.from_pool(ConnectionPool(**asking))
    connect = connector(url, tls)
    bus = RedisLiveBus(connect, namespace=namespace, publish_seconds=publish_seconds)
    answers = RedisAnswers(connect, namespace=namespace, get_seconds=get_seconds)
    try:
        yield RedisPorts(bus=bus, answers=answers, probe=RedisProbe(client))
    finally:
        await answers.aclose()
        await bus.aclose()
        await client.aclose()
