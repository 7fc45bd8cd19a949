"""The statements of Telemetra's own pipeline: what is stored already as it is stays untouched."""

from __future__ import annotations

from typing import Final

WRITE_STREAM: Final = """
    insert into streams (stream_id, title, created_at, updated_at) values ($1, $2, $3, $4)
    on conflict (stream_id) do update
    set title = coalesce(excluded.title, streams.title),
        updated_at = greatest(streams.updated_at, excluded.updated_at)
    where streams.updated_at < excluded.updated_at or streams.title is distinct from coalesce($2, streams.title)
"""

_WINDOW_INPUT: Final = (
    "window_start timestamp, window_end timestamp, chat_count int, unique_chatters int, top_emotes text, "
    "avg_sentiment float8, chat_rate float8, avg_viewers float8, z_score float8, is_anomaly bool"
)
_WINDOW_NAMES: Final = [column.split()[0] for column in _WINDOW_INPUT.split(", ")]
_WINDOW_MEASURES: Final = _WINDOW_NAMES[2:]


def _upsert_windows() -> str:
    """Many windows of stream `$1` by one statement; `top_emotes` travels as an array literal's text."""
    unnested = ", ".join(
        f"${n}::{column.split()[1]}[]" for n, column in enumerate(_WINDOW_INPUT.split(", "), 2)
    )
    values = ", ".join("top_emotes::text[]" if name == "top_emotes" else name for name in _WINDOW_NAMES)
    updates = ", ".join(f"{name} = excluded.{name}" for name in _WINDOW_MEASURES)
    stored = ", ".join(f"w.{name}" for name in _WINDOW_MEASURES)
    given = ", ".join(f"excluded.{name}" for name in _WINDOW_MEASURES)
    return f"""
        insert into chat_summary_minute as w (stream_id, {", ".join(_WINDOW_NAMES)})
        select $1, {values} from unnest({unnested}) as given ({", ".join(_WINDOW_NAMES)})
        on conflict (stream_id, window_start, window_end) do update set {updates}
        where ({stored}) is distinct from ({given})
    """


WRITE_WINDOWS: Final = _upsert_windows()

WRITE_MOMENT: Final = """
    insert into moments as m (moment_id, stream_id, timestamp, moment_type, description, metric_name,
                              metric_value, threshold, z_score, metadata)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb)
    on conflict (moment_id) do update
    set stream_id = excluded.stream_id, timestamp = excluded.timestamp, moment_type = excluded.moment_type,
        description = excluded.description, metric_name = excluded.metric_name,
        metric_value = excluded.metric_value, threshold = excluded.threshold, z_score = excluded.z_score,
        metadata = excluded.metadata
    where (m.stream_id, m.timestamp, m.moment_type, m.description, m.metric_name, m.metric_value, m.threshold,
           m.z_score, m.metadata)
        is distinct from
          (excluded.stream_id, excluded.timestamp, excluded.moment_type, excluded.description, excluded.metric_name,
           excluded.metric_value, excluded.threshold, excluded.z_score, excluded.metadata)
"""
