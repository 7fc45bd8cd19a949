"""
Telemetra over a database in memory: what is measured is everything in front of the database. `... PORT LOG_LEVEL`.

With an address of a Redis behind it, nothing is kept in the process: every hit is one in Redis.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import uvicorn
from bench.http.windows import START, STREAM, window

from telemetra.adapters.memory import MemoryDatabase, memory_ports
from telemetra.adapters.redis import open_redis
from telemetra.domain.ports import Ports
from telemetra.domain.streams import Stream
from telemetra.entrypoints.app import create_app
from telemetra.entrypoints.server import Server, uvicorn_options
from telemetra.logging import configure_logging
from telemetra.settings import Settings


def fill(database: MemoryDatabase) -> None:
    """Store a stream with 200 windows."""
    with database.begin() as transaction:
        transaction.put_stream(Stream(stream_id=STREAM, title="A stream", created_at=START, updated_at=START))
        for number in range(200):
            transaction.put_window(window(number))


def main(port: int, log_level: str, redis_url: str | None = None) -> None:
    """Serve until the process is ended."""
    database = MemoryDatabase()
    fill(database)

    @asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        ports = memory_ports(database)
        if redis_url is None:
            yield ports
            return
        async with open_redis(redis_url, namespace="bench") as redis:
            yield replace(ports, answers=redis.answers)

    settings = Settings(
        log_level=log_level,  # type: ignore[arg-type]
        log_format="json",
        cache_memory_bytes=0 if redis_url else Settings().cache_memory_bytes,
    )
    configure_logging(settings.log_level, settings.log_format)
    config = uvicorn.Config(create_app(open_ports, settings), port=port, **uvicorn_options(settings))
    Server(config).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
