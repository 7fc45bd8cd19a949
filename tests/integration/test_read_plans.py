"""A page costs what it holds, whatever else the tables hold: its plan is made once, counted in pages of the database."""

from __future__ import annotations

import pytest

from telemetra.adapters.postgres import PostgresAddress, statements
from telemetra.adapters.postgres.connections import connect
from telemetra.adapters.postgres.readers import READS
from telemetra.domain.moments import MomentType
from tests.databases import connected

FEW_PAGES = 120
FILL = """
    insert into streams (stream_id, updated_at)
    select 's' || n, timestamp '2026-01-01' + n * interval '1 second' from generate_series(1, 20000) n;
    insert into chat_summary_minute (stream_id, window_start, window_end)
    select 's' || n % 3, timestamp '2020-01-01' + n * interval '1 minute', timestamp '2020-01-02' + n * interval '1 minute'
    from generate_series(1, 60000) n;
    insert into moments (moment_id, stream_id, timestamp, moment_type)
    select 'm' || n, 's1', timestamp '2020-01-01' + n * interval '1 minute', 'chat_spike' from generate_series(1, 60000) n;
    insert into moments (moment_id, stream_id, timestamp, moment_type)
    values ('rare', 's1', '2020-01-01', 'viewer_spike');
    analyze
"""
WINDOW_CURSOR = ["timestamp '2020-01-20'", "timestamp '2020-01-21'"]
MOMENT_CURSOR = ["timestamp '2020-01-20'", "'m5'"]
INSTANTS = ["timestamp '2020-01-10'", "timestamp '2020-01-30'"]
PAGES = {
    "windows": (statements.list_windows(start=False, end=False, after=False), []),
    "windows in a range": (statements.list_windows(start=True, end=True, after=False), INSTANTS),
    "windows from a start": (statements.list_windows(start=True, end=False, after=False), INSTANTS[:1]),
    "windows after": (statements.list_windows(start=False, end=False, after=True), WINDOW_CURSOR),
    "windows in a range after": (
        statements.list_windows(start=True, end=True, after=True),
        INSTANTS + WINDOW_CURSOR,
    ),
    "the oldest windows": (
        statements.list_windows(start=False, end=False, after=False, oldest_first=True),
        [],
    ),
    "the oldest windows in a range after": (
        statements.list_windows(start=True, end=True, after=True, oldest_first=True),
        INSTANTS + WINDOW_CURSOR,
    ),
    "moments": (statements.list_moments(None, after=False), []),
    "moments in a range": (statements.list_moments(None, start=True, end=True, after=False), INSTANTS),
    "moments in a range after": (
        statements.list_moments(None, start=True, end=True, after=True),
        INSTANTS + MOMENT_CURSOR,
    ),
    "the oldest moments": (statements.list_moments(None, after=False, oldest_first=True), []),
    "the oldest moments of a type in a range after": (
        statements.list_moments(MomentType.CHAT_SPIKE, start=True, end=True, after=True, oldest_first=True),
        INSTANTS + MOMENT_CURSOR,
    ),
    "moments after": (statements.list_moments(None, after=True), MOMENT_CURSOR),
    "moments of a common type": (statements.list_moments(MomentType.CHAT_SPIKE, after=False), []),
    "moments of a rare type": (statements.list_moments(MomentType.VIEWER_SPIKE, after=False), []),
    "moments of no such type": (statements.list_moments(MomentType.SENTIMENT_SHIFT, after=False), []),
    "moments of a rare type after": (
        statements.list_moments(MomentType.VIEWER_SPIKE, after=True),
        MOMENT_CURSOR,
    ),
}
"""Statements by what they read, and their arguments from the third on."""


@pytest.mark.parametrize("planned_when", ["empty", "full"])
async def test_a_page_costs_what_it_holds(database: PostgresAddress, planned_when: str) -> None:
    reader = await connect(database, **READS)
    try:
        async with connected(database) as writer:
            if planned_when == "full":
                await writer.execute(FILL)
            calls = {}
            for number, (name, (statement, more)) in enumerate(PAGES.items()):
                await reader.execute(f"prepare page_{number} as {statement}")
                arguments = ", ".join(["'s1'", "101", *more])
                calls[name] = f"execute page_{number} ({arguments})"
            await reader.execute(f"prepare streams as {statements.LIST_STREAMS}")
            calls["streams"] = "execute streams (101, 0)"
            for call in calls.values():
                await reader.fetch(call)
            if planned_when == "empty":
                await writer.execute(FILL)
        costs = {}
        for name, call in calls.items():
            plan = [row[0] for row in await reader.fetch(f"explain (analyze, buffers) {call}")]
            pages = next((line for line in plan if "Buffers" in line), "")
            counted = [part.partition("=")[2] for part in pages.split() if part.startswith(("hit=", "read="))]
            costs[name] = sum(map(int, counted))
    finally:
        reader.terminate()
    assert all(0 < cost < FEW_PAGES for cost in costs.values()), costs
