"""Transactions of a stranger to Telemetra: asyncpg and plain SQL against the three tables, nothing of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from telemetra.domain.changes import ChangeKind
from telemetra.domain.moments import Moment
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary

PUT_STREAM: Final = """
    insert into streams (stream_id, title, created_at, updated_at) values ($1, $2, $3, $4)
    on conflict (stream_id) do update
    set title = excluded.title, created_at = excluded.created_at, updated_at = excluded.updated_at
"""
PUT_WINDOW: Final = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes,
                                     avg_sentiment, chat_rate, avg_viewers, z_score, is_anomaly)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    on conflict (stream_id, window_start, window_end) do update
    set chat_count = excluded.chat_count, unique_chatters = excluded.unique_chatters,
        top_emotes = excluded.top_emotes, avg_sentiment = excluded.avg_sentiment, chat_rate = excluded.chat_rate,
        avg_viewers = excluded.avg_viewers, z_score = excluded.z_score, is_anomaly = excluded.is_anomaly
"""
PUT_MOMENT: Final = """
    insert into moments (moment_id, stream_id, timestamp, moment_type, description, metric_name, metric_value,
                         threshold, z_score, metadata)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb)
    on conflict (moment_id) do update
    set stream_id = excluded.stream_id, timestamp = excluded.timestamp, moment_type = excluded.moment_type,
        description = excluded.description, metric_name = excluded.metric_name,
        metric_value = excluded.metric_value, threshold = excluded.threshold, z_score = excluded.z_score,
        metadata = excluded.metadata
"""
REMOVE_STREAM: Final = "delete from streams where stream_id = $1"
REMOVE_WINDOW: Final = """
    delete from chat_summary_minute where stream_id = $1 and window_start = $2 and window_end = $3
"""
REMOVE_MOMENT: Final = "delete from moments where moment_id = $1"
TRUNCATE: Final = {
    ChangeKind.STREAM: "truncate streams",
    ChangeKind.WINDOW: "truncate chat_summary_minute",
    ChangeKind.MOMENT: "truncate moments",
}


class PostgresScript:
    """A `Script`; the pool needs as many connections as transactions are open at once."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._open: set[PostgresScriptTransaction] = set()

    async def begin(self) -> PostgresScriptTransaction:
        connection = await self._pool.acquire()
        # The id is taken here, not at the first write, so that transactions can commit out of order.
        await connection.execute("begin")
        revision = await connection.fetchval("select pg_current_xact_id()::text::int8")
        transaction = PostgresScriptTransaction(self, connection, revision)
        self._open.add(transaction)
        return transaction

    async def end(self, transaction: PostgresScriptTransaction, connection: Any, how: str) -> None:
        """End a transaction and give its connection back."""
        self._open.discard(transaction)
        try:
            await connection.execute(how)
        finally:
            await self._pool.release(connection)

    async def aclose(self) -> None:
        """Roll back what a failed test left open."""
        for transaction in tuple(self._open):
            await transaction.rollback()


class PostgresScriptTransaction:
    """A `Transaction`."""

    def __init__(self, script: PostgresScript, connection: Any, revision: int) -> None:
        self.revision = revision
        self._script = script
        self._connection = connection

    async def put_stream(self, stream: Stream) -> None:
        times = _naive(stream.created_at), _naive(stream.updated_at)
        await self._connection.execute(PUT_STREAM, stream.stream_id, stream.title, *times)

    async def put_window(self, window: WindowSummary) -> None:
        await self._connection.execute(
            PUT_WINDOW,
            window.stream_id,
            _naive(window.window_start),
            _naive(window.window_end),
            window.chat_count,
            window.unique_chatters,
            window.top_emotes,
            window.avg_sentiment,
            window.chat_rate,
            window.avg_viewers,
            window.z_score,
            window.is_anomaly,
        )

    async def put_moment(self, moment: Moment) -> None:
        await self._connection.execute(
            PUT_MOMENT,
            moment.moment_id,
            moment.stream_id,
            _naive(moment.timestamp),
            moment.moment_type.value,
            moment.description,
            moment.metric_name,
            moment.metric_value,
            moment.threshold,
            moment.z_score,
            None if moment.metadata is None else json.dumps(moment.metadata),
        )

    async def remove_stream(self, stream_id: str) -> None:
        await self._connection.execute(REMOVE_STREAM, stream_id)

    async def remove_window(self, stream_id: str, window_start: datetime, window_end: datetime) -> None:
        await self._connection.execute(REMOVE_WINDOW, stream_id, _naive(window_start), _naive(window_end))

    async def remove_moment(self, moment_id: str) -> None:
        await self._connection.execute(REMOVE_MOMENT, moment_id)

    async def truncate(self, kind: ChangeKind) -> None:
        await self._connection.execute(TRUNCATE[kind])

    async def commit(self) -> None:
        await self._script.end(self, self._connection, "commit")

    async def rollback(self) -> None:
        await self._script.end(self, self._connection, "rollback")


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
