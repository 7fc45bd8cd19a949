"""Reads of streams, windows and moments out of a `MemoryDatabase`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from operator import gt, lt
from typing import TypeVar

from telemetra.adapters.memory.database import MemoryDatabase
from telemetra.adapters.memory.tables import Tables
from telemetra.domain.errors import StreamNotFound
from telemetra.domain.moments import Moment
from telemetra.domain.positions import Position
from telemetra.domain.queries import Answer, ListStreams, ReadMetrics, ReadMoments
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow

T = TypeVar("T")


class MemoryStreams:
    """A `StreamReader`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, query: ListStreams) -> Answer[Sequence[Stream]]:
        with self._database.open() as tables:
            wanted = (
                row.data
                for row in tables.streams.values()
                if query.among is None or row.data.stream_id in query.among
            )
            by_id = sorted(wanted, key=lambda stream: stream.stream_id)
            newest_first = sorted(by_id, key=lambda stream: stream.updated_at, reverse=True)
            return _page(newest_first[query.offset :], query.limit, self._database.position())

    async def get(self, stream_id: str) -> Answer[Stream]:
        with self._database.open() as tables:
            row = tables.streams.get(stream_id)
            if row is None:
                raise StreamNotFound(stream_id)
            return Answer(value=row.data, position=self._database.position())


class MemoryMetrics:
    """A `MetricReader`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, query: ReadMetrics) -> Answer[Sequence[MetricWindow]]:
        with self._database.open() as tables:
            windows = newest_windows(tables, query.stream_id)
            if not windows and not tables.knows(query.stream_id):
                raise StreamNotFound(query.stream_id)
            in_order = reversed(windows) if query.oldest_first else windows
            wanted = (window for window in in_order if _is_wanted_window(window, query))
            return _page(wanted, query.limit, self._database.position())


class MemoryMoments:
    """A `MomentReader`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def list(self, query: ReadMoments) -> Answer[Sequence[Moment]]:
        with self._database.open() as tables:
            moments = newest_moments(tables, query.stream_id)
            if not moments and not tables.knows(query.stream_id):
                raise StreamNotFound(query.stream_id)
            in_order = reversed(moments) if query.oldest_first else moments
            wanted = (moment for moment in in_order if _is_wanted_moment(moment, query))
            return _page(wanted, query.limit, self._database.position())


def newest_windows(tables: Tables, stream_id: str) -> list[MetricWindow]:
    """Return the stream's windows, newest first."""
    windows = (row.data for row in tables.windows.values() if row.data.stream_id == stream_id)
    return sorted(windows, key=lambda window: (window.window_start, window.window_end), reverse=True)


def newest_moments(tables: Tables, stream_id: str) -> list[Moment]:
    """Return the stream's moments, newest first."""
    moments = (row.data for row in tables.moments.values() if row.data.stream_id == stream_id)
    return sorted(moments, key=lambda moment: (moment.timestamp, moment.moment_id), reverse=True)


def _is_wanted_window(window: MetricWindow, query: ReadMetrics) -> bool:
    if not _is_in_range(window.window_start, query):
        return False
    after = query.after
    beyond = gt if query.oldest_first else lt
    return after is None or beyond(
        (window.window_start, window.window_end), (after.window_start, after.window_end)
    )


def _is_wanted_moment(moment: Moment, query: ReadMoments) -> bool:
    if query.moment_type and moment.moment_type != query.moment_type:
        return False
    if not _is_in_range(moment.timestamp, query):
        return False
    after = query.after
    beyond = gt if query.oldest_first else lt
    return after is None or beyond((moment.timestamp, moment.moment_id), (after.timestamp, after.moment_id))


def _is_in_range(instant: datetime, query: ReadMetrics | ReadMoments) -> bool:
    if query.start_time and instant < query.start_time:
        return False
    return not (query.end_time and instant >= query.end_time)


def _page(wanted: Iterable[T], limit: int, position: Position) -> Answer[Sequence[T]]:
    found = list(islice(wanted, limit + 1))
    return Answer(value=found[:limit], position=position, more=len(found) > limit)
