"""Writes into a `MemoryDatabase`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from telemetra.adapters.memory.database import MemoryDatabase
from telemetra.domain.moments import Moment
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary


class MemoryWriter:
    """A `StreamWriter`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def write(
        self, stream: Stream, windows: Sequence[WindowSummary], moments: Sequence[Moment]
    ) -> None:
        with self._database.open() as tables, self._database.begin() as transaction:
            stored = tables.streams.get(stream.stream_id)
            transaction.put_stream(_renewed(stored.data, stream) if stored else stream)
            for window in windows:
                transaction.put_window(window)
            for moment in moments:
                transaction.put_moment(moment)


def _renewed(stored: Stream, given: Stream) -> Stream:
    return replace(
        stored,
        title=stored.title if given.title is None else given.title,
        updated_at=max(stored.updated_at, given.updated_at),
    )
