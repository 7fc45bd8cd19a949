"""Telemetra over a database in memory: what is measured is everything in front of the database. `... PORT LOG_LEVEL`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import uvicorn

from telemetra.adapters.memory import MemoryDatabase, memory_ports
from telemetra.domain.ports import Ports
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary
from telemetra.entrypoints.app import create_app
from telemetra.entrypoints.server import Server, uvicorn_options
from telemetra.logging import configure_logging
from telemetra.settings import Settings

STREAM = "lofi"
START = datetime(2026, 5, 1, 18, tzinfo=UTC)


def fill(database: MemoryDatabase) -> None:
    """Store a stream with 200 windows."""
    with database.begin() as transaction:
        transaction.put_stream(Stream(stream_id=STREAM, title="A stream", created_at=START, updated_at=START))
        for minute in range(200):
            start = START + timedelta(minutes=minute)
            transaction.put_window(
                WindowSummary(
                    stream_id=STREAM,
                    window_start=start,
                    window_end=start + timedelta(minutes=1),
                    chat_count=4321 + minute,
                    unique_chatters=1029,
                    top_emotes=["Kappa", "PogChamp", "LUL", "OMEGALUL", "catJAM"],
                    avg_sentiment=0.1234567 + minute / 1000,
                    chat_rate=72.0166666 + minute,
                    avg_viewers=15234.5,
                    z_score=1.2345678,
                    is_anomaly=False,
                )
            )


def main(port: int, log_level: str) -> None:
    """Serve until the process is ended."""
    database = MemoryDatabase()
    fill(database)

    @asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        yield memory_ports(database)

    settings = Settings(log_level=log_level, log_format="json")  # type: ignore[arg-type]
    configure_logging(settings.log_level, settings.log_format)
    config = uvicorn.Config(create_app(open_ports, settings), port=port, **uvicorn_options(settings))
    Server(config).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
