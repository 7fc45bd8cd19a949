"""
What this process knows to have changed, and for how long it may believe that it knows.

An answer carries the position that it was read at. It is fresh when that position includes the last change of what was
read: decided by comparing, so that an answer whose reading raced a change can't be taken for a newer one, whoever kept
it and wherever. Knows nothing of answers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from telemetra.domain.changes import Step, Tag
from telemetra.domain.positions import Position

SILENCE_SECONDS: Final = 1.0
"""After so long without a word nobody here can tell what has changed."""

REMEMBERED_SECONDS: Final = 330.0
MAX_REMEMBERED: Final = 100_000
"""What has changed longer ago, or before so many others, is forgotten."""

Mark: TypeAlias = tuple[Position, ...]
"""What an answer has to include."""


def includes(position: Position, mark: Mark) -> bool:
    """Whether an answer that was read at `position` has all of it."""
    return all(position.epoch == one.epoch and position.seen.includes(one.reached) for one in mark)


class Freshness:
    """
    Takes what the relay hears (see `heard` and `take`), and judges positions by it. All of it belongs to one loop.

    `clock` gives seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._floor: Position | None = None
        """What an answer has to include whatever it was read from; None until there was a word."""
        self._changed: OrderedDict[Tag, tuple[float, Position]] = OrderedDict()
        """When and where each thing changed last, the latest at the end."""
        self._ahead: dict[Tag, list[Position]] = {}
        """What listeners were told that no step has reached yet."""
        self._heard_at = -SILENCE_SECONDS

    def heard(self) -> None:
        """Note a word from the relay: what it has not told did not happen until now."""
        self._heard_at = self._clock()

    def take(self, step: Step) -> None:
        """Note what a step changed; before any listener is written of it."""
        now = self._clock()
        self._forget_reached(step.after)
        if step.everywhere or not step.carried or self._floor is None:
            self._floor = step.after
            self._changed.clear()
            return
        for tag in step.tags():
            self._changed[tag] = now, step.after
            self._changed.move_to_end(tag)
        self._forget(now - REMEMBERED_SECONDS)

    def told(self, tags: Iterable[Tag], position: Position) -> None:
        """Note that somebody knows already what a step has yet to bring; of positions in one line only the last is kept."""
        for tag in tags:
            known = self._ahead.get(tag, [])
            if not any(includes(one, (position,)) for one in known):
                self._ahead[tag] = [*(one for one in known if not includes(position, (one,))), position]

    def is_known(self) -> bool:
        """Whether the last word is young enough to go by."""
        return self._clock() - self._heard_at < SILENCE_SECONDS

    def mark(self, tag: Tag) -> Mark:
        """Return what an answer read from `tag` has to include now, as far as is known."""
        changed = self._changed.get(tag)
        last = changed[1] if changed else self._floor
        return (*(() if last is None else (last,)), *self._ahead.get(tag, ()))

    def includes_all(self, position: Position, tag: Tag) -> bool:
        """Whether nothing that `tag` names is known to have changed since an answer was read at `position`."""
        return self._floor is not None and includes(position, self.mark(tag))

    def is_still(self, mark: Mark, tag: Tag, epoch: bytes) -> bool:
        """
        Whether nothing is known to have changed since `mark` was taken.

        A reading that began after it, in the same history, has then seen all of it, whatever its position names.
        """
        return (
            self._floor is not None
            and self.mark(tag) == mark
            and all(position.epoch == epoch for position in mark)
        )

    def _forget_reached(self, reached: Position) -> None:
        for tag, positions in list(self._ahead.items()):
            left = [
                ahead
                for ahead in positions
                if ahead.epoch == reached.epoch and not reached.seen.includes(ahead.reached)
            ]
            if left:
                self._ahead[tag] = left
            else:
                del self._ahead[tag]

    def _forget(self, before: float) -> None:
        """Forget old changes, or too many: an answer from before one that is forgotten no longer counts."""
        while self._changed:
            tag, (when, position) = next(iter(self._changed.items()))
            if when > before and len(self._changed) <= MAX_REMEMBERED:
                return
            del self._changed[tag]
            self._floor = position
