"""Shared answers within one process: every application that is given one object shares them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class MemoryAnswers:
    """
    A `SharedAnswers`. Setting `available` to False takes it away: nothing is found, nothing is stored.

    `clock` gives seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self.available = True
        self._clock = clock
        self._answers: dict[bytes, tuple[bytes, float]] = {}

    async def get(self, key: bytes) -> bytes | None:
        content, expires_at = self._answers.get(key, (b"", 0.0))
        return content if self.available and self._clock() < expires_at else None

    def put(self, key: bytes, content: bytes, *, ttl_seconds: float) -> None:
        if self.available:
            self._answers[key] = content, self._clock() + ttl_seconds
