"""A real `telemetra serve` over a real database, with a stream that listeners find there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Final

from asyncpg import Connection
from asyncpg.transaction import Transaction
from bench.live.cores import pin_threads, server_core
from bench.live.database import run_database, temporary_home
from bench.live.database_service import run_service
from bench.live.message import STREAM, window
from bench.live.servers import Server
from bench.live.serving import HOST

_INSERT: Final = """
    insert into chat_summary_minute (
        stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes, avg_sentiment, chat_rate,
        avg_viewers, z_score, is_anomaly
    ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_INSERT_MOMENT: Final = """
    insert into moments (stream_id, timestamp, moment_type, description, metric_name, metric_value, threshold, z_score)
    values ($1, $2, 'chat_spike', 'Chat was 4.2 times as fast as usual.', 'chat_count', 4321, 1029, 7.5)
"""


class Writer:
    """
    Writes windows of the one stream, each another minute's.

    Durability is left to a later moment, as it has nothing to do with delivery: without it, a commit would be counted
    from before the disk was asked, some milliseconds too early.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._minutes = count()

    async def begin(self) -> Transaction:
        """Insert a window, and return the transaction for the caller to commit."""
        transaction = self._connection.transaction()
        await transaction.start()
        await self._insert()
        return transaction

    async def fill(self, windows: int, moments: int) -> None:
        """Write what a snapshot brings to a listener that comes."""
        async with self._connection.transaction():
            for _ in range(windows):
                await self._insert()
            for number in range(moments):
                at = window().window_start.replace(tzinfo=None) + timedelta(minutes=number)
                await self._connection.execute(_INSERT_MOMENT, STREAM, at)

    async def _insert(self) -> None:
        row = window()
        later = timedelta(minutes=next(self._minutes))
        await self._connection.execute(
            _INSERT,
            STREAM,
            row.window_start.replace(tzinfo=None) + later,
            row.window_end.replace(tzinfo=None) + later,
            row.chat_count,
            row.unique_chatters,
            row.top_emotes,
            row.avg_sentiment,
            row.chat_rate,
            row.avg_viewers,
            row.z_score,
            row.is_anomaly,
        )


@asynccontextmanager
async def serving(**settings: str) -> AsyncIterator[tuple[Server, Writer]]:
    """Run the service with these settings, its threads on the servers' core; the database runs where it likes."""
    async with temporary_home() as home, run_database(home) as database:
        await database.migrate()
        async with database.connected() as connection:
            await connection.execute("set synchronous_commit = off")
            writer = Writer(connection)
            await writer.fill(windows=60, moments=20)
            async with run_service(database, name=None, port=0, **settings) as service:
                pin_threads(service.pid, server_core())
                yield (
                    Server(
                        name="telemetra serve",
                        pid=service.pid,
                        address=(HOST, service.port),
                        path=f"/ws/live/{STREAM}",
                        opening_messages=2,
                    ),
                    writer,
                )
