"""
How often a client may ask: a token bucket for each, kept as the one instant at which it is full again (GCRA).

Counted in this process alone, so it needs nobody's answer; several processes allow as many times as much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

_WINDOW_SECONDS: Final = 60.0
_MAX_CLIENTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Rate:
    """What a client may still ask."""

    is_over: bool
    left: int
    """So many at once."""
    full_seconds: int
    """Until all of it may be asked again."""
    wait_seconds: int
    """Until one may be asked, where none may now."""


class Rates:
    """So many requests a minute for each client, all of them at once if need be. `clock` gives seconds that only grow."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._pause_seconds = _WINDOW_SECONDS / per_minute if per_minute else 0.0
        self._full_at: dict[str | bytes, float] = {}

    def take(self, client: str | bytes) -> Rate:
        """Count a request of a client."""
        now = self._clock()
        full_at = max(self._full_at.get(client, 0.0), now) + self._pause_seconds
        over_seconds = full_at - now - _WINDOW_SECONDS
        if over_seconds > 1e-6:  # noqa: PLR2004  (a microsecond: what is lost in adding)
            full_at -= self._pause_seconds
            return Rate(True, 0, math.ceil(full_at - now), math.ceil(over_seconds))  # noqa: FBT003
        if client not in self._full_at and len(self._full_at) >= _MAX_CLIENTS:
            self._forget(now)
        self._full_at[client] = full_at
        left = int((-over_seconds + 1e-6) / self._pause_seconds)
        return Rate(False, left, math.ceil(full_at - now), 0)  # noqa: FBT003

    def _forget(self, now: float) -> None:
        """Make room: who may ask all again need not be known; then whoever came first."""
        for client in [client for client, full_at in self._full_at.items() if full_at <= now]:
            del self._full_at[client]
        for client in list(self._full_at)[: max(0, len(self._full_at) - _MAX_CLIENTS // 2)]:
            del self._full_at[client]
