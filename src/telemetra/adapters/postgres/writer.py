"""The writes of Telemetra's own pipeline: replay and demo."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import msgspec

from telemetra.adapters.postgres import write_statements
from telemetra.adapters.postgres.connections import PostgresPool
from telemetra.domain.moments import Moment
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary


class PostgresWriter:
    """Stores what was measured, one transaction a call."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def write(
        self, stream: Stream, windows: Sequence[WindowSummary], moments: Sequence[Moment]
    ) -> None:
        # One statement can't write a row twice; of two windows with one key the later is meant.
        newest = list({(window.window_start, window.window_end): window for window in windows}.values())

        async def store(connection: asyncpg.Connection) -> None:
            async with connection.transaction():
                await connection.execute(
                    write_statements.WRITE_STREAM,
                    stream.stream_id,
                    stream.title,
                    stream.created_at,
                    stream.updated_at,
                )
                if newest:
                    await connection.execute(
                        write_statements.WRITE_WINDOWS, stream.stream_id, *_window_columns(newest)
                    )
                if moments:
                    await connection.executemany(write_statements.WRITE_MOMENT, map(_moment_values, moments))

        await self._pool.run(store)


def _window_columns(windows: Sequence[WindowSummary]) -> list[list[object]]:
    """Return one list a column, which one statement takes whatever the number of windows."""
    return [
        [window.window_start for window in windows],
        [window.window_end for window in windows],
        [window.chat_count for window in windows],
        [window.unique_chatters for window in windows],
        [_array_literal(window.top_emotes) for window in windows],
        [window.avg_sentiment for window in windows],
        [window.chat_rate for window in windows],
        [window.avg_viewers for window in windows],
        [window.z_score for window in windows],
        [window.is_anomaly for window in windows],
    ]


def _array_literal(texts: Sequence[str]) -> str:
    """
    Write a text array as PostgreSQL reads it; arrays of unequal length can't be parameters in one array.

    PostgreSQL's text holds no NUL; an emote that has one can't be stored otherwise.
    """
    quoted = ('"' + text.replace("\0", "").replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"


def _moment_values(moment: Moment) -> tuple[object, ...]:
    return (
        moment.moment_id,
        moment.stream_id,
        moment.timestamp,
        str(moment.moment_type),
        moment.description,
        moment.metric_name,
        moment.metric_value,
        moment.threshold,
        moment.z_score,
        msgspec.json.encode(moment.metadata).decode(),
    )
