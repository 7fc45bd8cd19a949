"""A bulk load beside everything else: what it costs other readers, counted in pages of the database, not in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest

from telemetra.adapters.postgres import PostgresAddress, change_statements, open_postgres, statements
from telemetra.adapters.postgres.readers import _list_windows
from tests.databases import connected

ROWS = 60_000
LOAD = f"""
    insert into chat_summary_minute (stream_id, window_start, window_end)
    select 'bulk', timestamp '2020-01-01' + n * interval '1 minute', timestamp '2020-01-01' + (n + 1) * interval '1 minute'
    from generate_series(1, {ROWS}) n
"""
FEW_PAGES = 400
"""Of 8 KB; the rows of the load and their index entries are some thousands."""


@pytest.fixture
async def reader(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database) as connection:
        await connection.execute("set plan_cache_mode = force_custom_plan")
        await connection.execute("insert into streams (stream_id) values ('small')")
        await connection.execute("""
            insert into chat_summary_minute (stream_id, window_start, window_end)
            values ('small', '2026-01-01 00:00', '2026-01-01 00:01')
        """)
        yield connection


async def pages_read(reader: asyncpg.Connection, statement: str, *arguments: object) -> int:
    """Run a statement, and return how many of the database's pages it looked at."""
    rows = await reader.fetch(f"explain (analyze, buffers, format json) {statement}", *arguments)
    plan = json.loads(rows[0][0])[0]["Plan"]
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def after(revision: int, window_id: int) -> Sequence[object]:
    return revision, 2**63 - 1, False, window_id, None


async def test_an_open_load_costs_other_readers_nothing(
    database: PostgresAddress, reader: asyncpg.Connection
) -> None:
    read = _list_windows(start=False, end=False, after=False)
    async with connected(database) as loader:
        transaction = loader.transaction()
        await transaction.start()
        await loader.execute(LOAD)
        assert await pages_read(reader, read, "small", 101) < FEW_PAGES
        assert await pages_read(reader, change_statements.STAND) < FEW_PAGES
        await transaction.rollback()


async def test_every_page_of_a_load_costs_the_same(reader: asyncpg.Connection) -> None:
    await reader.execute(LOAD)
    await reader.execute("analyze chat_summary_minute")
    ids = (
        "select min(id), max(id), max(revision::text::int8) from chat_summary_minute where stream_id = 'bulk'"
    )
    first, last, revision = await reader.fetchrow(ids)
    ranges = [revision], [revision + 1]
    for start in (first, (first + last) // 2, last - 300):
        pages = await pages_read(
            reader, change_statements.CHANGES_OF_STREAM, "bulk", *ranges, 201, *after(revision, start)
        )
        assert pages < FEW_PAGES, start


async def test_a_step_over_a_load_stops_at_its_limit(reader: asyncpg.Connection) -> None:
    await reader.execute(LOAD)
    await reader.execute("analyze chat_summary_minute")
    revision = await reader.fetchval("select max(revision::text::int8) from chat_summary_minute")
    ranges = [revision], [revision + 1]
    assert await pages_read(reader, change_statements.CHANGES, *ranges, 201, None) < FEW_PAGES
    assert await pages_read(reader, change_statements.TOUCHED, *ranges, 201) < FEW_PAGES


async def test_a_listener_of_a_loaded_stream_gets_all_of_it_in_pages(database: PostgresAddress) -> None:
    async with open_postgres(database, live_interval_seconds=0.01) as ports, asyncio.timeout(60):
        steps = ports.feed.steps()
        position = (await anext(steps)).after
        async with connected(database) as loader:
            await loader.execute(LOAD)
        while (await anext(steps)).carried:
            pass
        starts = set()
        more = True
        while more:
            page = await ports.feed.since("bulk", position, limit=5_000)
            starts |= {change.data.window_start for change in page.changes}  # type: ignore[union-attr]
            position, more = page.position, page.more
    assert len(starts) == ROWS
    assert min(starts) == datetime(2020, 1, 1, 0, 1, tzinfo=UTC)


async def test_the_newest_windows_are_one_index_scan(reader: asyncpg.Connection) -> None:
    await reader.execute(LOAD)
    await reader.execute("analyze chat_summary_minute")
    read = _list_windows(start=True, end=True, after=True)
    late = datetime(2020, 2, 1)  # noqa: DTZ001  (the columns' own naive UTC)
    assert await pages_read(reader, read, "bulk", 101, datetime(2019, 1, 1), late, late, late) < FEW_PAGES  # noqa: DTZ001
    assert await pages_read(reader, statements.SNAPSHOT, "bulk", 60, 20) < FEW_PAGES
