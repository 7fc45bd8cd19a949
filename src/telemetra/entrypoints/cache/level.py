"""
The level that all processes share: what goes there, and when it is worth a question.

A process that knows itself alone shares with nobody. For it this level is room: for what its own memory can't hold, and
what it let go of though it was asked for again.
"""

from __future__ import annotations

from collections.abc import Callable

from telemetra.domain.ports import SharedAnswers
from telemetra.entrypoints.cache.entries import Entry
from telemetra.entrypoints.cache.questions import Question, shared_key
from telemetra.entrypoints.cache.shared import decode, encode


class SharedLevel:
    """`clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answers: SharedAnswers | None = None
        self._is_alone: Callable[[], bool] = _nobody_knows
        self._own_until = 0.0
        """Until then something may be there that this process has put there."""

    def open(self, answers: SharedAnswers, *, is_alone: Callable[[], bool]) -> None:
        """Share answers from now on; `is_alone` says whether this process knows that there is no other."""
        self._answers = answers
        self._is_alone = is_alone

    async def get(self, question: Question) -> Entry | None:
        """Return what is there, whoever has put it there; it may be out of date."""
        if self._answers is None or (self._clock() >= self._own_until and self._is_alone()):
            return None
        found = await self._answers.get(shared_key(question.key))
        return decode(found, question, now=self._clock()) if found else None

    def take_new(self, entry: Entry, *, is_kept: bool) -> None:
        """Take an answer that was just read; `is_kept` says whether this process has room for it."""
        if not (is_kept and self._is_alone()):
            self._put(entry)

    def take_evicted(self, entry: Entry) -> None:
        """Take what this process has no more room for, unless it is there already, or nobody asked for it twice."""
        if entry.is_asked_again and self._is_alone():
            self._put(entry)

    def _put(self, entry: Entry) -> None:
        ttl_seconds = entry.expires_at - self._clock()
        if self._answers is None or ttl_seconds <= 0:
            return
        self._own_until = max(self._own_until, entry.expires_at)
        content = encode(entry, ttl_seconds=ttl_seconds)
        self._answers.put(shared_key(entry.key), content, ttl_seconds=ttl_seconds)


def _nobody_knows() -> bool:
    return False
