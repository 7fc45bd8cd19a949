"""What the triggers do for writers that know nothing of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import pytest

from telemetra.adapters.postgres import PostgresAddress, PostgresPorts, open_postgres
from telemetra.domain.changes import Change, Removal, Step
from telemetra.domain.queries import ListStreams, ReadMoments
from tests.databases import connected

START = datetime(2026, 1, 1)  # noqa: DTZ001  (the columns say no zone)
WINDOW = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count)
    values ('s', '2026-01-01 00:00', '2026-01-01 00:01', 5)
"""


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database) as connection:
        yield connection


@pytest.fixture
async def ports(database: PostgresAddress) -> AsyncIterator[PostgresPorts]:
    async with open_postgres(database, live_interval_seconds=0.01) as opened:
        yield opened


async def following(ports: PostgresPorts) -> AsyncIterator[Step]:
    """Return the steps that come after now."""
    steps = ports.feed.steps()
    await asyncio.wait_for(anext(steps), 10)
    return steps


async def next_changes(steps: AsyncIterator[Step], stream_id: str = "s") -> list[Change]:
    """Return the next changes of one stream; steps without any are passed over."""
    async with asyncio.timeout(10):
        while True:
            step = await anext(steps)
            if changes := [*step.everywhere, *step.changes.get(stream_id, ())]:
                return changes


OWN_REVISIONS = {
    "streams": "(stream_id, revision) values ('s', {})",
    "chat_summary_minute": "(stream_id, window_start, window_end, revision) values ('s', '2026-01-01', '2026-01-02', {})",
    "moments": "(stream_id, moment_id, timestamp, moment_type, revision) values ('s', 'm', '2026-01-01', 'chat_spike', {})",
}


@pytest.mark.parametrize("own", ["'0'", "'99999999'", "null"])
@pytest.mark.parametrize("table", OWN_REVISIONS)
async def test_a_writer_cannot_choose_the_revision(writer: asyncpg.Connection, table: str, own: str) -> None:
    ours = f"select revision = pg_current_xact_id() from {table}"
    async with writer.transaction():
        await writer.execute(f"insert into {table} {OWN_REVISIONS[table].format(own)}")
        assert await writer.fetchval(ours)
    async with writer.transaction():
        await writer.execute(f"update {table} set revision = {own}, stream_id = 't'")
        assert await writer.fetchval(ours)


async def test_a_writer_that_may_only_insert_cannot_choose_it_either(writer: asyncpg.Connection) -> None:
    await writer.execute(
        "create role telemetra_inserter; grant insert, select on streams to telemetra_inserter"
    )
    try:
        async with writer.transaction():
            await writer.execute("set local role telemetra_inserter")
            await writer.execute("insert into streams (stream_id, revision) values ('s', '99999999')")
            assert await writer.fetchval("select revision = pg_current_xact_id() from streams")
    finally:
        await writer.execute("drop owned by telemetra_inserter; drop role telemetra_inserter")


async def test_rows_of_a_bulk_load_carry_its_transaction(writer: asyncpg.Connection) -> None:
    records = [("s", START + timedelta(minutes=n), START + timedelta(minutes=n + 1)) for n in range(2_000)]
    async with writer.transaction():
        await writer.copy_records_to_table(
            "chat_summary_minute", records=records, columns=["stream_id", "window_start", "window_end"]
        )
        stamped = "select count(*) from chat_summary_minute where revision = pg_current_xact_id()"
        assert await writer.fetchval(stamped) == len(records)


async def test_an_update_that_changes_nothing_keeps_the_revision(writer: asyncpg.Connection) -> None:
    await writer.execute(
        "insert into moments (moment_id, stream_id, timestamp, moment_type, metadata) "
        "values ('m', 's', '2026-01-01', 'chat_spike', '{\"a\": [1]}')"
    )
    before = await writer.fetchval("select revision from moments")
    await writer.execute("update moments set metadata = metadata, description = description")
    assert await writer.fetchval("select revision from moments") == before
    await writer.execute("update moments set description = 'changed'")
    assert await writer.fetchval("select revision from moments") > before


async def test_a_two_phase_commit_is_seen_when_it_commits(
    writer: asyncpg.Connection, ports: PostgresPorts
) -> None:
    steps = await following(ports)
    await writer.execute(f"begin; {WINDOW}; prepare transaction 'telemetra-test'")
    await writer.execute("insert into streams (stream_id) values ('s')")
    assert [type(change.data).__name__ for change in await next_changes(steps)] == ["Stream"]
    await writer.execute("commit prepared 'telemetra-test'")
    assert [type(change.data).__name__ for change in await next_changes(steps)] == ["MetricWindow"]


async def test_rows_that_replication_applies_are_changes(
    writer: asyncpg.Connection, ports: PostgresPorts
) -> None:
    steps = await following(ports)
    await writer.execute("set session_replication_role = replica")
    await writer.execute(WINDOW)
    assert [type(change.data).__name__ for change in await next_changes(steps)] == ["MetricWindow"]
    await writer.execute("delete from chat_summary_minute")
    (removed,) = await next_changes(steps)
    assert isinstance(removed.data, Removal)
    assert removed.data.window is not None


async def test_a_changed_key_removes_the_old_one(writer: asyncpg.Connection, ports: PostgresPorts) -> None:
    await writer.execute(WINDOW)
    steps = await following(ports)
    await writer.execute("update chat_summary_minute set window_end = '2026-01-01 00:02'")
    removed, window = await next_changes(steps)
    assert isinstance(removed.data, Removal)
    assert removed.data.window is not None
    assert removed.data.window.window_end.minute == 1
    assert window.data.window_end.minute == 2  # type: ignore[union-attr]


async def test_a_cascade_from_the_stream_is_told_row_by_row(
    writer: asyncpg.Connection, ports: PostgresPorts
) -> None:
    await writer.execute("insert into streams (stream_id) values ('s')")
    await writer.execute(
        "alter table chat_summary_minute add foreign key (stream_id) references streams on delete cascade"
    )
    await writer.execute(WINDOW)
    steps = await following(ports)
    await writer.execute("delete from streams")
    changes = [change.data for change in await next_changes(steps)]
    assert {(data.stream, data.window is not None) for data in changes if isinstance(data, Removal)} == {
        (True, False),
        (False, True),
    }


async def test_an_emptied_table_is_told_to_everyone(writer: asyncpg.Connection, ports: PostgresPorts) -> None:
    await writer.execute(WINDOW)
    steps = await following(ports)
    await writer.execute("truncate chat_summary_minute")
    (change,) = await next_changes(steps, "any stream")
    assert change.data == Removal(all=True)


async def test_a_large_transaction_is_not_carried_but_read_in_pages(
    writer: asyncpg.Connection, ports: PostgresPorts
) -> None:
    steps = await following(ports)
    await writer.execute("""
        insert into chat_summary_minute (stream_id, window_start, window_end)
        select 's' || n % 3, timestamp '2020-01-01' + n * interval '1 minute',
               timestamp '2020-01-01' + (n + 1) * interval '1 minute'
        from generate_series(1, 6000) n
    """)
    async with asyncio.timeout(10):
        while (step := await anext(steps)).carried:
            pass
    assert not step.changes
    page = await ports.feed.since("s1", step.before, limit=3000)
    assert (len(page.changes), page.more) == (2000, False)


async def test_values_that_python_cannot_hold_are_served_as_the_nearest_it_can(
    writer: asyncpg.Connection, ports: PostgresPorts
) -> None:
    await writer.execute("insert into streams (stream_id, updated_at) values ('s', 'infinity')")
    await writer.execute("insert into streams (stream_id, updated_at) values ('t', '20000-01-01')")
    await writer.execute("insert into streams (stream_id, updated_at) values ('u', '-infinity')")
    answer = await ports.streams.list(ListStreams())
    assert [(stream.stream_id, stream.updated_at.year) for stream in answer.value] == [
        ("s", 9999),
        ("t", 9999),
        ("u", 1),
    ]


@pytest.mark.parametrize(
    "metadata", ['{"a": 1e5000}', "[1, 2]", "7", '{"a": ' + "[" * 3000 + "]" * 3000 + "}"]
)
async def test_metadata_that_is_no_object_for_python_is_served_as_null(
    writer: asyncpg.Connection, ports: PostgresPorts, metadata: str
) -> None:
    steps = await following(ports)
    before = (await ports.streams.list(ListStreams())).position
    await writer.execute(
        "insert into moments (stream_id, timestamp, moment_type, metadata) "
        "values ('s', '2026-01-01', 'chat_spike', $1::text::jsonb)",
        metadata,
    )
    (listed,) = (await ports.moments.list(ReadMoments(stream_id="s"))).value
    (shown,) = (await ports.feed.snapshot("s", windows=1, moments=1)).moments
    (told,) = await next_changes(steps)
    (missed,) = (await ports.feed.since("s", before, limit=10)).changes
    assert listed == shown == told.data == missed.data
    assert listed.metadata is None
