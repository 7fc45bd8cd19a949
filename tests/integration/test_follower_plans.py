"""What a follower asks is planned once; that plan stays right while the tables grow, counted in pages of the database."""

from __future__ import annotations

import re

import pytest

from telemetra.adapters.postgres import PostgresAddress, change_statements
from telemetra.adapters.postgres.connections import connect
from telemetra.adapters.postgres.follower import _SETTINGS, MAX_STEP_ROWS
from tests.databases import connected

FEW_PAGES = 200
GROW = """
    insert into streams (stream_id) select 's' || n from generate_series(1, 20000) n;
    insert into moments (moment_id, stream_id, timestamp, moment_type)
    select 'm' || n, 's' || n, now(), 'chat_spike' from generate_series(1, 20000) n;
    insert into chat_summary_minute (stream_id, window_start, window_end)
    select 's' || n, timestamp '2020-01-01', timestamp '2020-01-02' from generate_series(1, 20000) n
"""
CHANGE = """
    delete from moments where moment_id in ('m5', 'm500');
    delete from streams where stream_id in ('s5', 's500');
    delete from chat_summary_minute where stream_id in ('s5', 's500') and window_start = '2020-01-01';
    update moments set description = 'changed' where moment_id = 'm7';
    update streams set title = 'changed' where stream_id = 's7';
    update chat_summary_minute set chat_count = 77 where stream_id = 's7' and window_start = '2020-01-01'
"""
TABLES = ("streams", "moments", "chat_summary_minute", "removals")


FEW_STREAMS = """
    delete from chat_summary_minute where stream_id not in ('s5', 's7', 's500');
    insert into chat_summary_minute (stream_id, window_start, window_end)
    select 's' || n % 2000, timestamp '2021-01-01' + n * interval '1 minute', timestamp '2021-01-02' + n * interval '1 minute'
    from generate_series(1, 150000) n
"""
REWRITE = "update chat_summary_minute set chat_count = {0} where id % 10 = {0}"


@pytest.mark.parametrize("planned_when", ["empty", "full"])
@pytest.mark.parametrize(
    ("statement", "more", "rows"),
    [
        (change_statements.CHANGES, "null::text[]", 9),
        (change_statements.CHANGES, "array['s7']", 3),
        (change_statements.TOUCHED, None, 3),
    ],
    ids=["of all", "of some", "whose"],
)
async def test_a_step_costs_what_it_holds_whatever_the_tables_held_when_it_was_planned(
    database: PostgresAddress, statement: str, more: str | None, rows: int, planned_when: str
) -> None:
    def execute(low: int, high: int) -> str:
        arguments = [f"array['{low}']::xid8[]", f"array['{high}']::xid8[]", str(MAX_STEP_ROWS + 1)]
        return f"execute changes ({', '.join(arguments + ([more] if more else []))})"

    follower = await connect(database, **_SETTINGS)
    try:
        async with connected(database) as writer:
            for table in TABLES:
                # What the planner knows is what it is told here, and nobody tells it what comes later.
                await writer.execute(f"alter table {table} set (autovacuum_enabled = off)")
            if planned_when == "full":
                await writer.execute(GROW)
                await writer.execute(FEW_STREAMS)
                for tenth in range(1, 10):
                    await writer.execute(REWRITE.format(tenth))
            for table in TABLES:
                await writer.execute(f"vacuum analyze {table}")
            await follower.execute(
                f"prepare changes (xid8[], xid8[], int8{', text[]' if more else ''}) as {statement}"
            )
            await follower.fetch(execute(1, 2))
            if planned_when == "empty":
                await writer.execute(GROW)
            revision = await writer.fetchval("select pg_current_xact_id()::text::int8")
            await writer.execute(CHANGE)
        plan = [
            row[0] for row in await follower.fetch(f"explain (analyze, buffers) {execute(revision, 2**62)}")
        ]
    finally:
        follower.terminate()
    pages = next(line for line in plan if "Buffers" in line)
    counted = [part.partition("=")[2] for part in pages.split() if part.startswith(("hit=", "read="))]
    assert sum(map(int, counted)) < FEW_PAGES, "\n".join(plan)
    assert re.search(rf"actual.*rows={rows}[. ]", plan[0]), plan[0]
