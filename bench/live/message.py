"""What is sent: a window whose message on the wire is about 600 bytes, or one about a hundred times as long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from telemetra.domain.windows import MetricWindow

STREAM: Final = "bench"
SMALL_BYTES: Final = range(560, 641)
"""How long a message may be to count as one of 600 bytes."""
_START: Final = datetime(2026, 3, 1, 12, 0, 0, 125_000, tzinfo=UTC)
_SMALL_EMOTES: Final = [f"{name}{number}" for number in range(8) for name in ("Kappa", "PogChamp")]
_LARGE_EMOTES: Final = [f"SomewhatLongEmoteOfThisChannel{number:05}" for number in range(1_500)]


def window(*, large: bool = False) -> MetricWindow:
    """Return the window; always the same, so that what the feed keeps costs no memory."""
    return _LARGE if large else _SMALL


def _window(emotes: list[str]) -> MetricWindow:
    return MetricWindow(
        id=1_234_567,
        stream_id=STREAM,
        window_start=_START,
        window_end=_START + timedelta(minutes=1),
        chat_count=4_321,
        unique_chatters=987,
        top_emotes=emotes,
        avg_sentiment=0.1234567890123,
        chat_rate=72.0166666666667,
        avg_viewers=12_345.6666666667,
        z_score=1.2345678901234,
        is_anomaly=False,
    )


_SMALL: Final = _window(_SMALL_EMOTES)
_LARGE: Final = _window(_LARGE_EMOTES)
