"""The examples in the documentation: one evening's stream, as each endpoint would tell it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from telemetra.domain.baselines import Comparison, LevelBaseline
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.positions import Position, Snapshot
from telemetra.domain.queries import MomentCursor, WindowCursor
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow
from telemetra.entrypoints.http.cursors import encode_moment_cursor, encode_window_cursor

STREAM_ID: Final = "demo"
POSITION_TEXT: Final = str(Position(bytes.fromhex("68661aa0c46eb5cd"), Snapshot(48_213)))

_START: Final = datetime(2026, 5, 1, 18, 30, tzinfo=UTC)

STREAM: Final = Stream(
    stream_id=STREAM_ID,
    title="lofi nights: beats to code to",
    created_at=_START,
    updated_at=_START.replace(hour=20, minute=15),
)
WINDOW: Final = MetricWindow(
    id=4711,
    stream_id=STREAM_ID,
    window_start=_START.replace(hour=20, minute=14),
    window_end=_START.replace(hour=20, minute=15),
    chat_count=312,
    unique_chatters=148,
    top_emotes=["PogChamp", "LUL", "Kappa"],
    avg_sentiment=0.42,
    chat_rate=5.2,
    avg_viewers=1840.5,
    z_score=4.6,
    is_anomaly=True,
)
_COMPARED: Final = Comparison(
    value=WINDOW.chat_count, centre=108.0, spread=44.25, length=30, method=LevelBaseline.method
)
MOMENT: Final = Moment(
    moment_id="8d0b6a7e-6f3c-5d53-9c55-1f6f8f3b0b0a",
    stream_id=STREAM_ID,
    timestamp=WINDOW.window_start,
    moment_type=MomentType.CHAT_SPIKE,
    description="Chat jumped to 312 messages, where about 108 were usual.",
    metric_name="chat_count",
    metric_value=312.0,
    threshold=_COMPARED.threshold,
    z_score=WINDOW.z_score,
    metadata=_COMPARED.as_metadata(),
)
WINDOW_CURSOR: Final = encode_window_cursor(WindowCursor(WINDOW.window_start, WINDOW.window_end))
MOMENT_CURSOR: Final = encode_moment_cursor(MomentCursor(MOMENT.timestamp, MOMENT.moment_id))


def as_json(value: Any) -> Any:
    """Return a value as it stands on the wire."""
    return msgspec.to_builtins(value)
