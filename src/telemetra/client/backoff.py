"""How long to wait before something is tried again."""

from __future__ import annotations

from random import Random
from typing import Final

_FIRST_DELAY_SECONDS: Final = 0.25
_MAX_DELAY_SECONDS: Final = 30.0
_MAX_DOUBLINGS: Final = 16


class Backoff:
    """
    How long to wait between attempts: exponential backoff with full jitter.

    A server that restarts meets its clients spread over the whole interval, not all at its end (M. Brooker, 'Exponential
    Backoff And Jitter', AWS Architecture Blog, 2015).
    """

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random()  # noqa: S311  (spreads attempts, guards nothing)
        self._attempts = 0

    def next_delay(self, *, advised: float | None = None) -> float:
        """Return the seconds to wait; the server's advice goes first, and never shortens what failures have added up to."""
        longest = min(_MAX_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** min(self._attempts, _MAX_DOUBLINGS))
        jitter = self._random.uniform(0, longest)
        if advised is not None:
            jitter = max(advised, jitter) if self._attempts else advised
        self._attempts += 1
        return jitter

    def reset(self) -> None:
        """Begin again: all is well."""
        self._attempts = 0
