"""The live bus within one process: every subscription of one object hears what is published on it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from telemetra.domain.changes import Step, tag_of
from telemetra.domain.errors import BusUnavailable

_KEPT_STEPS: Final = 1024
"""A consumer that does not come for its steps misses the oldest, as it would on a real bus."""


class MemoryLiveBus:
    """
    A `LiveBus`. Setting `available` to False takes it away: steps are refused, and nobody hears any.

    Safe to use from several threads, because test clients run applications in one of their own.
    """

    def __init__(self) -> None:
        self.available = True
        self._subscriptions: set[MemoryBusSubscription] = set()

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        """Be away for a while."""
        self.available = False
        try:
            yield
        finally:
            self.available = True

    async def publish(self, step: Step) -> int:
        if not self.available:
            raise BusUnavailable("The live bus is not available.")
        subscriptions = tuple(self._subscriptions)
        for subscription in subscriptions:
            subscription.hear(step)
        return len(subscriptions)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[MemoryBusSubscription]:
        subscription = MemoryBusSubscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)


class MemoryBusSubscription:
    """A `BusSubscription` of the loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._bell = asyncio.Event()
        self._followed: frozenset[str] = frozenset()
        self._heard: deque[tuple[Step, frozenset[str]]] = deque(maxlen=_KEPT_STEPS)

    def follow(self, stream_id: str) -> None:
        self._followed |= {stream_id}

    def unfollow(self, stream_id: str) -> None:
        self._followed -= {stream_id}

    def hear(self, step: Step) -> None:
        """Take a step in; what comes with it is what is followed at this moment."""
        self._heard.append((step, self._followed))
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._bell.set)

    async def steps(self) -> AsyncIterator[Step]:
        while True:
            while self._heard:
                yield self._part(*self._heard.popleft())
            self._bell.clear()
            if not self._heard:
                await self._bell.wait()

    def _part(self, step: Step, followed_then: frozenset[str]) -> Step:
        """Return what a subscription that followed `followed_then` when the step came has of it now."""
        mine = {stream_id: some for stream_id, some in step.changes.items() if stream_id in self._followed}
        arrived = {stream_id: some for stream_id, some in mine.items() if stream_id in followed_then}
        uncarried = (mine.keys() - arrived.keys()) | (step.uncarried & self._followed)
        foreign = (step.changes.keys() | step.uncarried) - self._followed
        others = step.others.union(map(tag_of, foreign))
        return dataclasses.replace(step, changes=arrived, uncarried=frozenset(uncarried), others=others)
