"""Feeds over a memory feed that let a test decide when something is read, and in what form it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from telemetra.adapters.memory import MemoryDatabase, MemoryFeed
from telemetra.domain.changes import ChangePage, Step, StreamSnapshot
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.ports import WantedStreams, every_stream
from telemetra.domain.positions import Position


class GatedFeed:
    """A `ChangeFeed` whose steps and reads can be held."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._feed = MemoryFeed(database)
        self.steps_go = _open_gate()
        self.reads_go = _open_gate()
        self.reading = asyncio.Event()
        """Set when somebody has come to read."""
        self.refused_reads = 0
        """How many of the next reads by position find the database away."""
        self.fault: Exception | None = None
        """What reads of a snapshot raise."""
        self.change_step: Callable[[Step], Step] = lambda step: step

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        self.reading.set()
        await self.reads_go.wait()
        if self.fault:
            raise self.fault
        return await self._feed.snapshot(stream_id, windows=windows, moments=moments)

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        self.reading.set()
        await self.reads_go.wait()
        if self.refused_reads:
            self.refused_reads -= 1
            raise DatabaseUnavailable
        return await self._feed.since(stream_id, position, limit=limit)

    def steps(self, after: Position | None = None) -> AsyncIterator[Step]:
        """While held, commits pile up: the next step has them all."""
        return self._held(self._feed.steps(after))

    def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        return self._held(self._feed.lead(start, wanted))

    async def _held(self, steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
        async for step in steps:
            yield self.change_step(step)
            await self.steps_go.wait()


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate
