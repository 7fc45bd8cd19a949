"""A backfill of a million windows: what the triggers on the table make of its time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from io import BytesIO

import asyncpg
import pytest

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected

ROWS = 1_000_000
TIMES_AS_LONG = 2.0
TRIGGERS = (
    "select count(*) from pg_trigger where tgrelid = 'chat_summary_minute'::regclass and not tgisinternal"
)


def a_backfill() -> bytes:
    """Return the windows as COPY takes them."""
    minutes = [datetime(2020, 1, 1) + timedelta(minutes=number) for number in range(ROWS + 1)]  # noqa: DTZ001  (naive UTC)
    return "".join(
        f"lofi\t{minutes[number]}\t{minutes[number + 1]}\t{number}\n" for number in range(ROWS)
    ).encode()


async def seconds_to_load(loader: asyncpg.Connection, rows: bytes) -> float:
    await loader.execute("truncate chat_summary_minute")
    await loader.execute("checkpoint")
    began = time.monotonic()
    copied = await loader.copy_to_table(
        "chat_summary_minute",
        source=BytesIO(rows),
        columns=("stream_id", "window_start", "window_end", "chat_count"),
        timeout=60,
    )
    assert copied == f"COPY {ROWS}"
    return time.monotonic() - began


@pytest.mark.slow_fault
@pytest.mark.timeout(300)
async def test_triggers_make_a_backfill_of_a_million_windows_at_most_twice_as_long(
    database: PostgresAddress,
) -> None:
    rows = a_backfill()
    async with connected(database) as loader:
        assert await loader.fetchval(TRIGGERS) > 0
        with_triggers, without = [], []
        for _ in range(2):
            await loader.execute("alter table chat_summary_minute disable trigger user")
            without.append(await seconds_to_load(loader, rows))
            await loader.execute("alter table chat_summary_minute enable trigger user")
            with_triggers.append(await seconds_to_load(loader, rows))
    # What other programs take of the machine makes a round longer, never shorter.
    assert min(with_triggers) < TIMES_AS_LONG * min(without), (with_triggers, without)
