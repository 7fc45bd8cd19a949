"""
One stream that has listeners: who they are, and its recent steps for those who are not at the end of them.

There is no queue for a listener. Who keeps up is written to as a step comes; who does not has a place in the one shared
log, and whoever falls off the log's old end reads the database by its position.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from telemetra.entrypoints.live.steps import StreamStep

if TYPE_CHECKING:
    from telemetra.entrypoints.live.listener import Listener

_MAX_STEPS: Final = 1024


class FallenBehind(Exception):
    """A place is no longer in the log: what came after it has to be read from the database."""


class Channel:
    """
    The listeners of a stream and the log of its recent steps.

    A place is a number of the hub's: it counts the steps that the hub has taken, whatever stream they concern. The log
    is complete from `floor` on.
    """

    def __init__(self, stream_id: str, *, place: int) -> None:
        self.stream_id = stream_id
        self.listeners: set[Listener] = set()
        self.abreast: dict[Listener, Callable[[bytes], object]] = {}
        """Those who have everything up to the hub's position, and what writes to them."""
        self.spoke_at = 0.0
        """When those abreast were written to last, by the loop's clock."""
        self.messages = 0
        """How many messages those abreast were given so far."""
        self._floor = place
        self._steps: deque[tuple[int, StreamStep]] = deque()
        self._kept_bytes = 0

    def append(self, place: int, step: StreamStep, *, limit_bytes: int) -> StreamStep:
        """
        Add the step that the hub took at this place; old ones go where the log would hold more than `limit_bytes`.

        Returned is the step as it is kept: one that is larger than the whole log is not carried.
        """
        if step.kept_bytes > limit_bytes:
            step = StreamStep(step.before, step.after, None)
        self._steps.append((place, step))
        self._kept_bytes += step.kept_bytes
        self.trim(limit_bytes)
        return step

    def trim(self, limit_bytes: int) -> None:
        """Let old steps go, as many as the log holds too much."""
        while self._kept_bytes > limit_bytes or len(self._steps) > _MAX_STEPS:
            self._floor, old = self._steps.popleft()
            self._kept_bytes -= old.kept_bytes

    def after(self, place: int) -> Iterator[tuple[int, StreamStep]]:
        """
        Go through the steps that came after a place, each with its own; it may be called off at any.

        Raises:
            FallenBehind: some are gone.

        """
        if place < self._floor:
            raise FallenBehind
        if not self._steps or self._steps[-1][0] <= place:
            return iter(())
        missed = sum(1 for at, _ in self._steps if at > place)
        return iter([self._steps[index] for index in range(len(self._steps) - missed, len(self._steps))])
