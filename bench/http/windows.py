"""The windows that every server serves: a hundred of them are about 32 KB of JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from telemetra.domain.windows import WindowSummary

STREAM: Final = "lofi"
START: Final = datetime(2026, 5, 1, 18, tzinfo=UTC)


def window(number: int) -> WindowSummary:
    """Return a minute's window, with numbers as long as real ones."""
    start = START + timedelta(minutes=number)
    return WindowSummary(
        stream_id=STREAM,
        window_start=start,
        window_end=start + timedelta(minutes=1),
        chat_count=4321 + number,
        unique_chatters=1029,
        top_emotes=["Kappa", "PogChamp", "LUL", "OMEGALUL", "catJAM"],
        avg_sentiment=0.1234567 + number % 500 / 1000,
        chat_rate=72.0166666 + number,
        avg_viewers=15234.5,
        z_score=1.2345678,
        is_anomaly=False,
    )
