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
    delete from chat_summary_minute where stream_id in ('s5', 's500');
    update moments set description = 'changed' where moment_id = 'm7';
    update streams set title = 'changed' where stream_id = 's7';
    update chat_summary_minute set chat_count = 7 where stream_id = 's7'
"""
TABLES = ("streams", "moments", "chat_summary_minute", "removals")


@pytest.mark.parametrize(
    ("statement", "more", "rows"),
    [
        (change_statements.CHANGES, "null::text[]", 9),
        (change_statements.CHANGES, "array['s7']", 3),
        (change_statements.TOUCHED, None, 3),
    ],
    ids=["of all", "of some", "whose"],
)
async def test_a_step_costs_what_it_holds_though_the_tables_were_empty_when_it_was_planned(
    database: PostgresAddress, statement: str, more: str | None, rows: int
) -> None:
    def execute(low: int, high: int) -> str:
        arguments = [f"array['{low}']::xid8[]", f"array['{high}']::xid8[]", str(MAX_STEP_ROWS + 1)]
        return f"execute changes ({', '.join(arguments + ([more] if more else []))})"

    follower = await connect(database, **_SETTINGS)
    try:
        async with connected(database) as writer:
            for table in TABLES:
                # The planner knows that they are empty, and nobody tells it that they no longer are.
                await writer.execute(f"alter table {table} set (autovacuum_enabled = off)")
                await writer.execute(f"vacuum analyze {table}")
            await follower.execute(
                f"prepare changes (xid8[], xid8[], int8{', text[]' if more else ''}) as {statement}"
            )
            await follower.fetch(execute(1, 2))
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
