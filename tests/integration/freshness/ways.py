"""What a process reads: an answer of the database, or of another process, can be held up on its way back."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from telemetra.domain.ports import MetricReader, MomentReader, SharedAnswers, StreamReader
from telemetra.domain.queries import Answer, ListStreams, ReadMetrics, ReadMoments
from telemetra.domain.streams import Stream

READING, SHARED = "reading", "shared answer"
"""What a fill waits for: the database, or what another process has answered."""


class Hold:
    """Something on its way to a process that waits until it is let go."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.reached = asyncio.Event()
        self.released = asyncio.Event()


class Ways:
    """The ways back from the database and from Redis: counts what comes along, and holds the next one if told."""

    def __init__(self) -> None:
        self.readings = 0
        self.hold: Hold | None = None

    @asynccontextmanager
    async def back(self, what: str) -> AsyncIterator[None]:
        """Hold up the end of the block, where the answer is there already: it is as old as the wait is long."""
        self.readings += what == READING
        try:
            yield
        finally:
            hold = self.hold
            if hold and hold.what == what:
                self.hold = None
                hold.reached.set()
                await hold.released.wait()


@dataclasses.dataclass(frozen=True)
class HeldStreams:
    """A `StreamReader`."""

    streams: StreamReader
    ways: Ways

    async def list(self, query: ListStreams) -> Answer[Any]:
        async with self.ways.back(READING):
            return await self.streams.list(query)

    async def get(self, stream_id: str) -> Answer[Stream]:
        async with self.ways.back(READING):
            return await self.streams.get(stream_id)


@dataclasses.dataclass(frozen=True)
class HeldMetrics:
    """A `MetricReader`."""

    metrics: MetricReader
    ways: Ways

    async def list(self, query: ReadMetrics) -> Answer[Any]:
        async with self.ways.back(READING):
            return await self.metrics.list(query)


@dataclasses.dataclass(frozen=True)
class HeldMoments:
    """A `MomentReader`."""

    moments: MomentReader
    ways: Ways

    async def list(self, query: ReadMoments) -> Answer[Any]:
        async with self.ways.back(READING):
            return await self.moments.list(query)


@dataclasses.dataclass(frozen=True)
class HeldAnswers:
    """A `SharedAnswers`."""

    answers: SharedAnswers
    ways: Ways

    async def get(self, key: bytes) -> bytes | None:
        async with self.ways.back(SHARED):
            return await self.answers.get(key)

    def put(self, key: bytes, content: bytes, *, ttl_seconds: float) -> None:
        self.answers.put(key, content, ttl_seconds=ttl_seconds)
