"""
What a process hears of changes: its steps can come late, or never, and it is told the time.

Everything that is told of by steps passes here: those that it reads, and those that others publish.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from telemetra.domain.changes import ChangePage, Step, StreamSnapshot
from telemetra.domain.ports import BusSubscription, ChangeFeed, LiveBus, WantedStreams, every_stream
from telemetra.domain.positions import Position
from telemetra.entrypoints.cache.freshness import SILENCE_SECONDS

PATIENCE_SECONDS = 30.0


class Clock:
    """Seconds that go by when a test says so."""

    def __init__(self) -> None:
        self._now = 1_000.0

    def __call__(self) -> float:
        return self._now

    def move(self, seconds: float) -> None:
        self._now += seconds


class Ears:
    """
    Where a process hears of steps, from wherever they come: as they come, later, or never.

    A step that is let through is taken by the process before anybody else has a turn.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open, self._deaf = True, False
        self._heard_at = clock() - SILENCE_SECONDS
        self._turned = asyncio.Event()
        self.last: Position | None = None
        self.heard: list[Position] = []
        """What it was told of, since this was emptied."""
        self.missed: Position | None = None
        self.published: Position | None = None
        """What it has told others, who may have yet to hear it."""
        self._times_published = 0

    @property
    def is_silent(self) -> bool:
        """Whether the last word is so old that the process knows nothing."""
        return self._clock() - self._heard_at >= SILENCE_SECONDS

    async def through(self, steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
        try:
            async for step in steps:
                await self._until(lambda: self._open or self._deaf)
                if self._deaf:
                    self.missed = step.after
                    self._turned.set()
                    continue
                self._note(step.after)
                yield step
        finally:
            if isinstance(steps, AsyncGenerator):
                await steps.aclose()

    def has_heard(self, position: Position | None) -> bool:
        return position is None or _includes(self.last, position)

    def has_met(self, position: Position | None) -> bool:
        """Whether it has heard of it, or lost it."""
        return self.has_heard(position) or (position is not None and _includes(self.missed, position))

    def close(self) -> None:
        """Let nothing through until it is to hear something."""
        self._open = False

    async def hear(self, position: Position | None, *, publishes: bool = False) -> None:
        """Let steps through until the process knows all up to a position, and that it does, and has told others anew."""
        times = self._times_published + publishes

        def is_enough() -> bool:
            return self.has_heard(position) and not self.is_silent and self._times_published >= times

        if not is_enough():
            self._open = True
            self._turned.set()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._until(is_enough)
            finally:
                self._open = False

    @asynccontextmanager
    async def losing(self) -> AsyncIterator[Callable[[Position], Any]]:
        """Lose what comes; yielded is what waits until all up to a position is lost."""

        async def lost(position: Position) -> None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._until(lambda: _includes(self.missed, position))

        self._deaf = True
        self._turned.set()
        try:
            yield lost
        finally:
            self._deaf = False

    def note_published(self, position: Position) -> None:
        self.published = position
        self._times_published += 1
        self._turned.set()

    def _note(self, position: Position) -> None:
        self._heard_at = self._clock()
        self.last = position
        if position not in self.heard[-1:]:
            self.heard.append(position)
        self._turned.set()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._turned.clear()
            await self._turned.wait()


def _includes(position: Position | None, other: Position) -> bool:
    return position is not None and position.seen.includes(other.seen)


@dataclasses.dataclass(frozen=True)
class HeardFeed:
    """A `ChangeFeed` whose steps pass a process's ears. Where `leads` is unset it never wins the lead."""

    feed: ChangeFeed
    ears: Ears
    leads: bool

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        return await self.feed.snapshot(stream_id, windows=windows, moments=moments)

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        return await self.feed.since(stream_id, position, limit=limit)

    def steps(self, after: Position | None = None) -> AsyncIterator[Step]:
        return self.ears.through(self.feed.steps(after))

    def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        return self.ears.through(self.feed.lead(start, wanted) if self.leads else _never())


@dataclasses.dataclass(frozen=True)
class HeardBus:
    """A `LiveBus` whose steps pass a process's ears."""

    bus: LiveBus
    ears: Ears

    async def publish(self, step: Step) -> int:
        try:
            return await self.bus.publish(step)
        finally:
            self.ears.note_published(step.after)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[BusSubscription]:
        async with self.bus.subscribe() as subscription:
            yield HeardSubscription(subscription, self.ears)


@dataclasses.dataclass(frozen=True)
class HeardSubscription:
    """A `BusSubscription`."""

    subscription: BusSubscription
    ears: Ears

    def follow(self, stream_id: str) -> None:
        self.subscription.follow(stream_id)

    def unfollow(self, stream_id: str) -> None:
        self.subscription.unfollow(stream_id)

    def steps(self) -> AsyncIterator[Step]:
        return self.ears.through(self.subscription.steps())


async def _never() -> AsyncIterator[Step]:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")
    yield
