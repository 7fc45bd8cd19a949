"""Streams, windows and moments that differ in what a test is about, and in nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow, WindowSummary

START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minute: float) -> datetime:
    """Return a minute of the samples' hour."""
    return START + timedelta(minutes=minute)


def a_stream(stream_id: str = "lofi", *, title: str | None = "Beats", minute: float = 0) -> Stream:
    return Stream(stream_id=stream_id, title=title, created_at=START, updated_at=at(minute))


def a_window(
    minute: float = 0,
    *,
    stream_id: str = "lofi",
    length_minutes: float = 1,
    chat_count: int = 10,
    **other: Any,
) -> WindowSummary:
    values: dict[str, Any] = {
        "unique_chatters": 7,
        "top_emotes": ["Kappa", "LUL"],
        "avg_sentiment": 0.25,
        "chat_rate": 0.5,
        "avg_viewers": 120.0,
        "z_score": 1.5,
        "is_anomaly": False,
    }
    return WindowSummary(
        stream_id=stream_id,
        window_start=at(minute),
        window_end=at(minute + length_minutes),
        chat_count=chat_count,
        **values | other,
    )


def a_moment(
    moment_id: str = "m1",
    *,
    stream_id: str = "lofi",
    minute: float = 0,
    metric_value: float | None = 90.0,
    **other: Any,
) -> Moment:
    values: dict[str, Any] = {
        "moment_type": MomentType.CHAT_SPIKE,
        "description": "Chat went wild.",
        "metric_name": "chat_count",
        "threshold": 40.0,
        "z_score": 6.5,
        "metadata": {"baseline_windows": 30, "baseline": {"center": 10.5}},
    }
    return Moment(
        moment_id=moment_id,
        stream_id=stream_id,
        timestamp=at(minute),
        metric_value=metric_value,
        **values | other,
    )


def without_id(window: MetricWindow) -> WindowSummary:
    """Return what was written of a stored window: all but the number that the database gave it."""
    names = WindowSummary.__dataclass_fields__
    return WindowSummary(**{name: getattr(window, name) for name in names})


def on_the_wire(row: MetricWindow | Moment) -> dict[str, Any]:
    """Return a row as a client reads it, where NaN and the infinities are null."""
    return msgspec.json.decode(msgspec.json.encode(row), type=dict[str, Any])
