"""Connections to Redis of one's own, outside any pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from redis.asyncio.connection import Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

Connect: TypeAlias = Callable[[], Awaitable[Connection]]
"""Opens a connection, or raises one of `REDIS_LOST`."""

REDIS_LOST: Final = (RedisError, OSError, TimeoutError)
"""What is raised when Redis is away, refuses, or does not answer in time."""

_OPEN_SECONDS: Final = 5.0


def connector(url: str) -> Connect:
    """
    Return what opens connections to the server of this address.

    Nothing is tried again behind the caller's back (the client's default turns a dead Redis into seconds of waiting), and
    each wait is the caller's to bound: the client's own bound on sending can swallow a cancellation.
    """
    arguments: dict[str, Any] = {**parse_url(url)}
    kind = arguments.pop("connection_class", Connection)
    arguments.pop("max_connections", None)
    arguments.update(
        # A subscription's messages are plain arrays there.
        protocol=2,
        decode_responses=False,
        driver_info=None,
        health_check_interval=0,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=_OPEN_SECONDS,
        socket_timeout=None,
    )

    async def connect() -> Connection:
        connection: Connection = kind(**arguments)
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    return connect
