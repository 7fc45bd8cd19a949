"""How much a client may say."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class Allowance:
    """A token bucket: so many a minute, all of them at once if need be."""

    __slots__ = ("_clock", "_filled", "_left", "_per_minute")

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._per_minute = per_minute
        self._left = float(per_minute)
        self._clock = clock
        self._filled = clock()

    def take(self) -> bool:
        """Take one, or learn that none is left."""
        now = self._clock()
        self._left = min(self._per_minute, self._left + (now - self._filled) * self._per_minute / 60)
        self._filled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
