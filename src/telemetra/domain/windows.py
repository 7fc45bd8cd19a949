"""What one window of a stream's chat is: how much, by whom, in what mood."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

ANOMALY_THRESHOLD: Final = 3.0
"""A window is an anomaly when the absolute value of its z-score is above this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSummary:
    """What is known of a stream between two moments, before it is stored."""

    stream_id: str
    """The stream that it is of."""
    window_start: datetime
    """First instant of the window, UTC, inclusive."""
    window_end: datetime
    """End of the window, UTC, exclusive."""
    chat_count: int
    """Messages in the window."""
    unique_chatters: int
    """Distinct users among them."""
    top_emotes: list[str] = field(default_factory=list)
    """Most used emotes, by count and then by name."""
    avg_sentiment: float | None
    """Mean sentiment of the messages in [-1, 1]; null where there were none."""
    chat_rate: float | None
    """Messages a second."""
    avg_viewers: float | None
    """Mean of the viewer counts sampled in the window; null where there were none."""
    z_score: float | None
    """How unusual `chat_count` is against the preceding windows; null until there are enough of them."""
    is_anomaly: bool
    """Whether |z_score| is above 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricWindow(WindowSummary):
    """A stored window: one row of `chat_summary_minute`."""

    id: int
    """The row's number in the database."""
