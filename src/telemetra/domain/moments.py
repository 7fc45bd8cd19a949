"""What a detected moment is: something unusual in a stream, and how unusual it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class MomentType(StrEnum):
    """What kind of thing happened."""

    CHAT_SPIKE = "chat_spike"
    VIEWER_SPIKE = "viewer_spike"
    SENTIMENT_SHIFT = "sentiment_shift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A detected moment: one row of `moments`."""

    moment_id: str
    """Its own identifier among all moments: its writer's, or one that was made for it."""
    stream_id: str
    """The stream that it is of."""
    timestamp: datetime
    """Start of the window in which it was seen, UTC."""
    moment_type: MomentType
    """What kind of thing happened."""
    description: str | None
    """What happened, in words for people."""
    metric_name: str | None
    """The column that was unusual, such as `chat_count`."""
    metric_value: float | None
    """The value of the metric at that moment."""
    threshold: float | None
    """The value of the metric above (or below) which this is a moment."""
    z_score: float | None
    """Distance from the baseline, scaled so that 3 is the threshold."""
    metadata: dict[str, Any] | None = field(default_factory=dict)
    """
    What it was compared with, or whatever its writer keeps; our own detector writes `method`, `baseline_windows`,
    `baseline_centre` and `baseline_spread`.
    """
