"""Rows as any program writes them, and logs to replay: a real one where it is, else a made one of the same length."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import asyncpg

REAL_LOG = Path(__file__).parents[3] / "shared" / "data" / "chat" / "sphynx_6h.jsonl.gz"
START = datetime(2026, 5, 1, 18, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
_EMOTES = ("Kappa", "PogChamp", "LUL", "KEKW")


def chat_log(directory: Path) -> Path:
    """Return a log of about six hours of chat."""
    if REAL_LOG.exists():
        return REAL_LOG
    random = Random(7)  # noqa: S311  (makes a chat up, guards nothing)
    path = directory / "chat.jsonl.gz"
    lines = []
    for second in range(6 * 3600):
        for _ in range(random.choice((0, 0, 0, 1, 1, 2)) * (8 if second // 60 in {90, 200} else 1)):
            emotes = [random.choice(_EMOTES)] if random.random() < 0.3 else []
            text = random.choice(("hello", "love it", "this is bad", *emotes))
            lines.append(
                json.dumps(
                    {"t": second, "user": f"user{random.randrange(200)}", "text": text, "emotes": emotes}
                )
            )
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


async def describe(connection: asyncpg.Connection, stream_id: str, title: str | None = None) -> None:
    """Write a stream's own row."""
    await connection.execute(
        "insert into streams (stream_id, title) values ($1, $2)"
        " on conflict (stream_id) do update set title = excluded.title, updated_at = now()",
        stream_id,
        title,
    )


async def write_minutes(
    connection: asyncpg.Connection, stream_id: str, minutes: range, *, start: datetime = START
) -> None:
    """Write a window for each of these minutes, whose values follow from its number."""
    await connection.execute(
        """
        insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes,
                                         avg_sentiment, chat_rate, avg_viewers, z_score, is_anomaly)
        select $1, $2::timestamp + n * interval '1 minute', $2::timestamp + (n + 1) * interval '1 minute',
               100 + n % 37, 40 + n % 11, array['Kappa', 'LUL'], sin(n / 50.0), (100 + n % 37) / 60.0, 1000 + n % 500, 0, false
        from generate_series($3::int, $4::int - 1) n
        on conflict (stream_id, window_start, window_end) do update set chat_count = excluded.chat_count
        """,
        stream_id,
        start.replace(tzinfo=None),
        minutes.start,
        minutes.stop,
    )


async def write_moment(connection: asyncpg.Connection, stream_id: str, minute: int, description: str) -> str:
    """Write a moment, and return its id."""
    moment_id = f"moment-{minute}"
    await connection.execute(
        """
        insert into moments (moment_id, stream_id, timestamp, moment_type, description, metric_name, metric_value,
                             threshold, z_score, metadata)
        values ($1, $2, $3, 'chat_spike', $4, 'chat_count', 412, 180, 7.25, $5)
        """,
        moment_id,
        stream_id,
        (START + minute * MINUTE).replace(tzinfo=None),
        description,
        json.dumps(
            {"method": "log_level", "baseline_windows": 30, "baseline_centre": 61.5, "baseline_spread": 0.2}
        ),
    )
    return moment_id
