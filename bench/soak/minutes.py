"""Rows of the soaked tables as writers and readers put them there: windows of a minute, whose numbers grow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
from bench.live.resume_rows import Key
from bench.soak.committed import Rows

START: Final = datetime(2026, 3, 1)  # noqa: DTZ001  (the columns are naive, and UTC)
_HANDS: Final = 64
TRANSACTION_MARK: Final = "soak-"
"""What the names of prepared transactions begin with."""
LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InternalClientError,
)
"""What the driver says of a database that is away; anything else ends the run."""

_PUT_WINDOWS: Final = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes,
                                     avg_sentiment, chat_rate, avg_viewers, z_score, is_anomaly)
    select $1, start, start + interval '1 minute', nextval('bench_version'), 45, array['Kappa', 'PogChamp', 'LUL'],
        0.25, $3::float8, 1500, 0.75, false
    from unnest($2::timestamp[]) start
    on conflict (stream_id, window_start, window_end) do update
    set chat_count = nextval('bench_version'), chat_rate = excluded.chat_rate
    returning window_start, chat_count as number, revision::text
"""
"""The rate is the time just before a statement that commits by itself, `time.monotonic()`; 0 where there is none."""
PUT_BURST: Final = """
    with put as (
        insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, avg_viewers, is_anomaly)
        select $1, start, start + interval '1 minute', nextval('bench_version'), 1500, false
        from generate_series($2::timestamp, $2::timestamp + ($3::int - 1) * interval '1 minute', interval '1 minute') start
        on conflict (stream_id, window_start, window_end) do update set chat_count = nextval('bench_version')
        returning chat_count
    )
    select count(*), min(chat_count) from put
"""
"""The same rows each time. They are not in the writers' account: the tables are."""


def window_key(start: datetime) -> Key:
    """Return the key of a window as it is read back."""
    start = start.replace(tzinfo=UTC)
    return ("window", start, start + timedelta(minutes=1))


def window_start(hand: int, serial: int) -> datetime:
    """Return the beginning of a hand's window: hands take turns, so that the newest hundred are of all of them."""
    return START + timedelta(minutes=serial * _HANDS + hand)


async def put_windows(
    connection: asyncpg.Connection, stream_id: str, starts: Sequence[datetime], stamp: float
) -> Rows:
    """Write windows, and return what was written."""
    rows = await connection.fetch(_PUT_WINDOWS, stream_id, starts, stamp)
    return {window_key(row["window_start"]): (row["number"], int(row["revision"])) for row in rows}


async def end_prepared(connection: asyncpg.Connection, whose: str) -> None:
    """Commit the transactions that somebody prepared and lost the connection to."""
    found = await connection.fetch(
        "select gid from pg_prepared_xacts where starts_with(gid, $1)", f"{TRANSACTION_MARK}{whose}"
    )
    for row in found:
        await connection.execute(f"commit prepared '{row['gid']}'")
