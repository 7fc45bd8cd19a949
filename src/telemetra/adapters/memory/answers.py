"""Shared answers within one process: every application that is given one object shares them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from telemetra.domain.ports import SharedAnswer


class MemoryAnswers:
    """
    A `SharedAnswers`. Setting `available` to False takes it away: nothing is found, nothing is stored.

    `clock` gives seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self.available = True
        self._clock = clock
        self._answers: dict[bytes, tuple[bytes, float]] = {}

    async def get(self, key: bytes) -> SharedAnswer | None:
        content, expires_at = self._answers.get(key, (b"", 0.0))
        left_seconds = expires_at - self._clock()
        return SharedAnswer(content, left_seconds) if self.available and left_seconds > 0 else None

    def put(self, key: bytes, content: bytes, *, ttl_seconds: float) -> None:
        if self.available:
            self._answers[key] = content, self._clock() + ttl_seconds
