"""
Windowing: chat messages and viewer counts in, finished windows out.

Time is the events' own; the clock on the wall is unknown here, so a replay gives the same windows at any speed.
Knows nothing of baselines or of anomalies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from telemetra.domain.ports import SentimentScorer
from telemetra.domain.windows import WindowSummary

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """Somebody said something."""

    at: datetime
    """When, aware."""
    user: str
    """Who, compared as it is."""
    text: str
    emotes: Sequence[str]
    """The emotes in the text, one entry an occurrence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerSample:
    """Somebody counted the viewers."""

    at: datetime
    """When, aware."""
    viewers: int


class WindowAggregator:
    """
    Cuts one stream's events into tumbling windows, aligned to 1970-01-01T00:00Z.

    The watermark is the newest event's time less `lateness`. A window is finished when the watermark reaches its end;
    an event of a finished window is dropped and counted in `late`. Events that come within `lateness` of the newest
    may therefore come in any order: the windows are the same.

    Windows come in order and without holes: minutes in which nothing happened are windows with a count of zero. Only a
    silence longer than `max_gap` stays a hole, so that one mad timestamp doesn't make millions of windows.
    """

    def __init__(
        self,
        stream_id: str,
        *,
        scorer: SentimentScorer,
        window: timedelta = timedelta(minutes=1),
        lateness: timedelta = timedelta(0),
        top_emotes: int = 5,
        max_gap: timedelta = timedelta(hours=6),
    ) -> None:
        if window <= timedelta(0) or lateness < timedelta(0) or max_gap < timedelta(0) or top_emotes < 0:
            raise ValueError(
                "window must be above zero, lateness, max_gap and top_emotes must not be below it"
            )
        self._stream_id = stream_id
        self._score = scorer.score
        self._window = window
        self._window_seconds = window.total_seconds()
        self._lateness = lateness
        self._top_emotes = top_emotes
        self._max_empty = max_gap // window
        self._open: dict[int, _Tally] = {}
        self._closed_before: int | None = None
        """Windows with a lower number are finished; null before the first event."""
        self._next: int | None = None
        """Number of the window that comes out next; null until one has come out."""
        self._closing_time = timedelta.min
        """Age of the calendar from which on an event finishes a window: spares most events the arithmetic."""
        self.late = 0
        """Events that came after their window was finished, and were dropped."""

    def add(self, event: ChatMessage | ViewerSample) -> list[WindowSummary]:
        """
        Take one event; return the windows that it finishes, oldest first.

        Raises:
            TypeError: its time is naive.
            OverflowError: its window begins or ends outside the years 1 to 9999.

        """
        age = event.at - _EPOCH
        index = age // self._window
        tally = self._open.get(index)
        if tally is None:
            if self._closed_before is not None and index < self._closed_before:
                self.late += 1
                return []
            tally = self._open[index] = self._tally(index)
        if isinstance(event, ChatMessage):
            tally.count_message(event, self._score(event.text, event.emotes))
        else:
            tally.samples += 1
            tally.viewers += event.viewers
        return [] if age < self._closing_time else self._move_watermark(age)

    def finish(self) -> list[WindowSummary]:
        """Return the windows that are still open, oldest first: no event of theirs is expected any more."""
        return self._close(max(self._open) + 1) if self._open else []

    def _move_watermark(self, newest: timedelta) -> list[WindowSummary]:
        closed_before = (newest - self._lateness) // self._window
        self._closing_time = (closed_before + 1) * self._window + self._lateness
        return self._close(closed_before)

    def _close(self, limit: int) -> list[WindowSummary]:
        """Finish the windows whose number is below `limit`, the empty ones between them included."""
        self._closed_before = limit if self._closed_before is None else max(self._closed_before, limit)
        finished: list[WindowSummary] = []
        for index in sorted(self._open):
            following = index if self._next is None else self._next
            if index - following > self._max_empty:
                if index >= limit:
                    break  # Whether this is a hole is not known yet: an earlier event may still come.
                following = index
            finished += [self._summary(self._tally(empty)) for empty in range(following, min(index, limit))]
            if index >= limit:
                if self._next is not None:
                    self._next = max(following, limit)
                break
            finished.append(self._summary(self._open.pop(index)))
            self._next = index + 1
        return finished

    def _tally(self, index: int) -> _Tally:
        start = _EPOCH + index * self._window
        return _Tally(start=start, end=start + self._window)

    def _summary(self, tally: _Tally) -> WindowSummary:
        count = len(tally.sentiments)
        ranked = sorted(tally.emotes.items(), key=lambda entry: (-entry[1], entry[0]))
        return WindowSummary(
            stream_id=self._stream_id,
            window_start=tally.start,
            window_end=tally.end,
            chat_count=count,
            unique_chatters=len(tally.users),
            top_emotes=[emote for emote, _ in ranked[: self._top_emotes]],
            # fsum rounds once, at the end: the order of the messages makes no difference.
            avg_sentiment=math.fsum(tally.sentiments) / count if count else None,
            chat_rate=count / self._window_seconds,
            avg_viewers=tally.viewers / tally.samples if tally.samples else None,
            z_score=None,
            is_anomaly=False,
        )


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What a window has seen so far."""

    start: datetime
    end: datetime
    users: set[str] = field(default_factory=set)
    emotes: dict[str, int] = field(default_factory=dict)
    sentiments: list[float] = field(default_factory=list)
    samples: int = 0
    viewers: int = 0

    def count_message(self, message: ChatMessage, sentiment: float) -> None:
        self.users.add(message.user)
        self.sentiments.append(sentiment)
        emotes = self.emotes
        for emote in message.emotes:
            emotes[emote] = emotes.get(emote, 0) + 1
