"""
The reads: one round trip each, answered with the position that the statement stood at.

The epoch is the one before the reading: what was read in an older history must not pass for a newer one's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from telemetra.adapters.postgres import statements
from telemetra.adapters.postgres.connections import PostgresPool, Record
from telemetra.adapters.postgres.epoch import Epoch
from telemetra.adapters.postgres.rows import to_moment, to_stream, to_windows
from telemetra.domain.errors import StreamNotFound
from telemetra.domain.moments import Moment
from telemetra.domain.queries import Answer, ListStreams, ReadMetrics, ReadMoments
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow

READS: Final = {
    # Plans that are made once: a large table looks to the planner as if a plan for each page were worth it, which costs
    # as much as the page. Such a plan knows no limit; these leave it what gives the first rows first, an index in order.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
}
"""The settings of the sessions that these read with."""

_list_windows: Final = cache(statements.list_windows)
_list_moments: Final = cache(statements.list_moments)


class PostgresStreams:
    """Reads `streams`."""

    def __init__(self, pool: PostgresPool, epoch: Epoch) -> None:
        self._pool = pool
        self._epoch = epoch

    async def list(self, query: ListStreams) -> Answer[Sequence[Stream]]:
        epoch = self._epoch.id
        page = query.limit + 1, query.offset
        if query.among is None:
            stand, *rows = await self._pool.fetch(statements.LIST_STREAMS, *page)
        else:
            stand, *rows = await self._pool.fetch(statements.LIST_SOME_STREAMS, *page, list(query.among))
        streams = [to_stream(row) for row in rows[: query.limit]]
        return Answer(
            value=streams, position=self._epoch.position(stand, epoch), more=len(rows) > query.limit
        )

    async def get(self, stream_id: str) -> Answer[Stream]:
        epoch = self._epoch.id
        row = (await self._pool.fetch(statements.GET_STREAM, stream_id))[0]
        if row["stream_id"] is None:
            raise StreamNotFound(stream_id)
        return Answer(value=to_stream(row), position=self._epoch.position(row, epoch))


class PostgresMetrics:
    """Reads `chat_summary_minute`."""

    def __init__(self, pool: PostgresPool, epoch: Epoch) -> None:
        self._pool = pool
        self._epoch = epoch

    async def list(self, query: ReadMetrics) -> Answer[Sequence[MetricWindow]]:
        after = query.after
        statement = _list_windows(
            start=query.start_time is not None,
            end=query.end_time is not None,
            after=after is not None,
            oldest_first=query.oldest_first,
        )
        instants = [instant for instant in (query.start_time, query.end_time) if instant is not None]
        instants += [after.window_start, after.window_end] if after else []
        epoch = self._epoch.id
        stand, *rows = await self._pool.fetch(statement, query.stream_id, query.limit + 1, *instants)
        _require_known(stand, query.stream_id)
        windows = to_windows(rows[: query.limit], query.stream_id)
        return Answer(
            value=windows, position=self._epoch.position(stand, epoch), more=len(rows) > query.limit
        )


class PostgresMoments:
    """Reads `moments`."""

    def __init__(self, pool: PostgresPool, epoch: Epoch) -> None:
        self._pool = pool
        self._epoch = epoch

    async def list(self, query: ReadMoments) -> Answer[Sequence[Moment]]:
        after = query.after
        statement = _list_moments(
            query.moment_type,
            start=query.start_time is not None,
            end=query.end_time is not None,
            after=after is not None,
            oldest_first=query.oldest_first,
        )
        arguments: list[object] = [
            instant for instant in (query.start_time, query.end_time) if instant is not None
        ]
        arguments += [after.timestamp, after.moment_id] if after else []
        epoch = self._epoch.id
        stand, *rows = await self._pool.fetch(statement, query.stream_id, query.limit + 1, *arguments)
        _require_known(stand, query.stream_id)
        moments = [to_moment(row, query.stream_id) for row in rows[: query.limit]]
        return Answer(
            value=moments, position=self._epoch.position(stand, epoch), more=len(rows) > query.limit
        )


def _require_known(stand: Record, stream_id: str) -> None:
    if not stand["known"]:
        raise StreamNotFound(stream_id)
