"""
The recent steps of one stream that has listeners: one shared log, and for each listener only its place in it.

There is no queue for each listener: whoever falls off the log's old end reads the database by its position. Belongs to
one event loop, like everything of the hub.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from telemetra.domain.positions import Position
from telemetra.entrypoints.live.steps import StreamStep

_MAX_STEPS: Final = 1024


class FallenBehind(Exception):
    """A listener's place is no longer in the log."""


class HubClosed(Exception):
    """The hub is closing: listeners are to end."""


class Channel:
    """The log of one stream's recent steps, bounded, and who waits for the next one."""

    def __init__(self, stream_id: str) -> None:
        self.stream_id = stream_id
        self.subscriptions: set[Subscription] = set()
        self._steps: deque[StreamStep] = deque()
        self._first = 0
        self._kept_bytes = 0

    @property
    def end(self) -> int:
        """The place of the step that comes next."""
        return self._first + len(self._steps)

    def append(self, step: StreamStep, *, limit_bytes: int) -> None:
        """Add a step and wake who waits; old ones go where the log would hold more than `limit_bytes`."""
        if step.kept_bytes > limit_bytes:
            step = StreamStep(step.before, step.after, None)
        self._steps.append(step)
        self._kept_bytes += step.kept_bytes
        while self._kept_bytes > limit_bytes or len(self._steps) > _MAX_STEPS:
            self._kept_bytes -= self._steps.popleft().kept_bytes
            self._first += 1
        self.wake()

    def wake(self) -> None:
        """Let everybody that waits look again."""
        for subscription in self.subscriptions:
            subscription.wake()

    def at(self, place: int) -> StreamStep:
        """
        Return the step at a place before the end.

        Raises:
            FallenBehind: it is gone.

        """
        if place < self._first:
            raise FallenBehind
        return self._steps[place - self._first]


class Subscription:
    """One listener's place in a channel's log; it begins at the end."""

    def __init__(self, channel: Channel, hub_position: Callable[[], Position | None]) -> None:
        self._channel = channel
        self._hub_position = hub_position
        self._place = channel.end
        self._bell: asyncio.Future[None] | None = None
        self._closed = False

    async def next(self, *, within_seconds: float) -> StreamStep | None:
        """
        Return the next step, or None when none came in time.

        Raises:
            FallenBehind: steps were missed. `rejoin`, then read what is new from the database.
            HubClosed: no more will come.

        """
        if not self._closed and self._place == self._channel.end:
            await self._wait(within_seconds)
        if self._closed:
            raise HubClosed
        if self._place == self._channel.end:
            return None
        step = self._channel.at(self._place)
        self._place += 1
        return step

    def rejoin(self) -> None:
        """
        Go to the log's end: what is read from the database after this includes all that the log had before.

        Raises:
            HubClosed: there is nothing to come back to.

        """
        if self._closed:
            raise HubClosed
        self._place = self._channel.end

    def advanced(self, position: Position) -> Position:
        """
        Return how far a listener at `position` that has taken every step may say it has come.

        Steps that had nothing for this stream moved the hub on, not the listener.
        """
        hub = self._hub_position()
        if hub is None or self._place != self._channel.end or hub.epoch != position.epoch:
            return position
        return position if position.seen.includes(hub.seen) else hub

    def wake(self) -> None:
        """End the present wait, if there is one."""
        if self._bell and not self._bell.done():
            self._bell.set_result(None)

    def close(self) -> None:
        """Make `next` raise `HubClosed` from now on."""
        self._closed = True
        self.wake()

    async def _wait(self, within_seconds: float) -> None:
        self._bell = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_seconds):
                await self._bell
        except TimeoutError:
            pass
        finally:
            self._bell = None
