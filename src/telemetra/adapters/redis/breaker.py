"""A breaker: after a failure nothing is tried for a while, then one attempt decides for all."""

from __future__ import annotations

from collections.abc import Callable

_FIRST_REST_SECONDS = 0.5
_LONGEST_REST_SECONDS = 5.0


class Breaker:
    """
    Says whether to try. Closed, it lets all try; open, nobody; half-open, the one that asks first.

    `clock` gives seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rest_seconds = 0.0
        self._rests_until = 0.0
        self._is_probing = False

    @property
    def is_closed(self) -> bool:
        """Whether the last attempt was a success."""
        return self._rest_seconds == 0.0

    def lets_try(self) -> bool:
        """Whether to try now; who is told so has to say how it went."""
        if self.is_closed:
            return True
        if self._is_probing or self._clock() < self._rests_until:
            return False
        self._is_probing = True
        return True

    def succeeded(self) -> None:
        """Close it."""
        self._rest_seconds = 0.0
        self._is_probing = False

    def gave_up(self) -> None:
        """Note that an attempt has told nothing: if it was the one that decides, another may decide."""
        self._is_probing = False

    def failed(self) -> None:
        """Open it: longer each time that the attempt of the half-open one fails."""
        if self.is_closed or self._is_probing:
            self._rest_seconds = min(max(_FIRST_REST_SECONDS, 2 * self._rest_seconds), _LONGEST_REST_SECONDS)
            self._rests_until = self._clock() + self._rest_seconds
        self._is_probing = False
