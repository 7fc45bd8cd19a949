"""
Detection: which windows of a stream are out of the ordinary, and the moments that they begin.

Pure and deterministic: the same windows give the same moments, ids included, in any process. What 'ordinary' means is
the baselines' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from telemetra.domain.baselines import (
    CHAT_TUNING,
    VIEWER_TUNING,
    Comparison,
    LevelBaseline,
    MoodBaseline,
)
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.windows import ANOMALY_THRESHOLD, WindowSummary

_NAMESPACE: Final = UUID("6f0d6c1e-2a55-4d0b-9a0e-5c1b8f7e4d23")
"""Never to be changed: ids of stored moments are derived from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What was found in one window."""

    window: WindowSummary
    """The same window with `z_score` and `is_anomaly` filled in."""
    moments: Sequence[Moment]
    """The moments that begin in it, at most one of a kind."""


class Detector:
    """
    Judges the windows of one stream, each against those before it and never against itself.

    A moment is told when it begins: while the metric stays beyond its threshold, in the same direction, no other of
    its kind follows. Chat and viewers spike upwards only; sentiment shifts either way. A hole between two windows
    makes the detector begin anew, for what was ordinary before it says nothing about what comes after.
    """

    def __init__(self) -> None:
        self._stream_id: str | None = None
        """Whose windows these are; the first one says."""
        self._chat = LevelBaseline(CHAT_TUNING)
        self._viewers = LevelBaseline(VIEWER_TUNING)
        self._mood = MoodBaseline()
        self._previous_end: datetime | None = None
        self._going_on: dict[MomentType, int] = {}
        """Direction in which a kind was beyond its threshold in the last window that said anything about it."""

    def observe(self, window: WindowSummary) -> Detection:
        """
        Judge the next window and learn from it.

        Raises:
            ValueError: it is another stream's, or begins before the last one's end.

        """
        self._follow(window)
        chat, viewers, mood = self._compare(window)
        judged = window
        if chat is not None:
            judged = replace(window, z_score=chat.z_score, is_anomaly=abs(chat.z_score) > ANOMALY_THRESHOLD)
        found = (
            self._moment(window, MomentType.CHAT_SPIKE, "chat_count", chat),
            self._moment(window, MomentType.VIEWER_SPIKE, "avg_viewers", viewers),
            self._moment(window, MomentType.SENTIMENT_SHIFT, "avg_sentiment", mood),
        )
        self._learn(window)
        return Detection(window=judged, moments=[moment for moment in found if moment is not None])

    def _follow(self, window: WindowSummary) -> None:
        if self._stream_id is None:
            self._stream_id = window.stream_id
        if window.stream_id != self._stream_id:
            raise ValueError(f"This detector watches {self._stream_id!r}, not {window.stream_id!r}.")
        if self._previous_end is not None:
            if window.window_start < self._previous_end:
                raise ValueError(f"The window of {window.window_start} begins before the last one's end.")
            if window.window_start > self._previous_end:
                self._forget()
        self._previous_end = window.window_end

    def _forget(self) -> None:
        self._chat.forget()
        self._viewers.forget()
        self._mood.forget()
        self._going_on.clear()

    def _compare(
        self, window: WindowSummary
    ) -> tuple[Comparison | None, Comparison | None, Comparison | None]:
        chat = self._chat.compare(window.chat_count)
        viewers = None if window.avg_viewers is None else self._viewers.compare(window.avg_viewers)
        mood = (
            None
            if window.avg_sentiment is None
            else self._mood.compare(window.avg_sentiment, window.chat_count)
        )
        return chat, viewers, mood

    def _learn(self, window: WindowSummary) -> None:
        self._chat.learn(window.chat_count)
        if window.avg_viewers is not None:
            self._viewers.learn(window.avg_viewers)
        if window.avg_sentiment is not None:
            self._mood.learn(window.avg_sentiment, window.chat_count)

    def _moment(
        self, window: WindowSummary, kind: MomentType, metric: str, comparison: Comparison | None
    ) -> Moment | None:
        if comparison is None:
            return None
        direction = _direction(kind, comparison.z_score)
        before = self._going_on.get(kind, 0)
        self._going_on[kind] = direction
        if direction in (0, before):
            return None
        return Moment(
            moment_id=_moment_id(window.stream_id, kind, window.window_start),
            stream_id=window.stream_id,
            timestamp=window.window_start,
            moment_type=kind,
            description=_describe(kind, comparison),
            metric_name=metric,
            metric_value=comparison.value,
            threshold=comparison.threshold,
            z_score=comparison.z_score,
            metadata=comparison.as_metadata(),
        )


def _direction(kind: MomentType, z_score: float) -> int:
    """Return 1 for a rise that makes such a moment, -1 for a fall that does, else 0."""
    if z_score > ANOMALY_THRESHOLD:
        return 1
    return -1 if z_score < -ANOMALY_THRESHOLD and kind is MomentType.SENTIMENT_SHIFT else 0


def _moment_id(stream_id: str, kind: MomentType, at: datetime) -> str:
    # The stream's id is last: it is the only part that could hold a space.
    return str(uuid5(_NAMESPACE, f"{kind} {at.isoformat()} {stream_id}"))


def _describe(kind: MomentType, comparison: Comparison) -> str:
    value, centre = comparison.value, comparison.centre
    if kind is MomentType.CHAT_SPIKE:
        return f"Chat jumped to {value:,.0f} messages, where about {centre:,.0f} were usual."
    if kind is MomentType.VIEWER_SPIKE:
        return f"Viewers rose to {value:,.0f}, where about {centre:,.0f} were usual."
    turn = "brighter" if value > centre else "darker"
    return f"The mood turned {turn}: sentiment {value:+.2f}, where about {centre:+.2f} was usual."
