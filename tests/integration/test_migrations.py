"""The schema: up, down, no drift, adoption of tables that are there already, and what it refuses."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from telemetra.adapters.postgres import PostgresAddress, find_schema_revision, require_newest_schema
from telemetra.adapters.postgres.connections import connect_arguments
from telemetra.adapters.postgres.migrations import migrate, migrations_path
from telemetra.adapters.postgres.schema import SCHEMA_REVISION, VERSION_TABLE
from telemetra.adapters.postgres.tables import metadata
from telemetra.domain.errors import MigrationFailed, SchemaOutdated
from tests.databases import connected

WINDOW = (
    "insert into chat_summary_minute (stream_id, window_start, window_end, {}) values ('s', '{}', '{}', {})"
)

OLDER_TABLES = """
    create table streams (
        stream_id varchar(255) primary key, title varchar(500), created_at timestamp not null default now(),
        updated_at timestamp not null default now());
    create table chat_summary_minute (
        id serial primary key, stream_id varchar(255) references streams on delete cascade, window_start timestamp not null,
        window_end timestamp not null, chat_count integer not null, unique_chatters integer, top_emotes text[],
        avg_sentiment real, chat_rate numeric, avg_viewers integer, z_score real, is_anomaly boolean);
    create table moments (
        moment_id serial primary key, stream_id varchar(255) references streams on delete cascade, timestamp timestamp not null,
        moment_type varchar(50), description text, metric_name varchar(50), metric_value numeric, threshold numeric,
        z_score numeric, metadata jsonb);
    insert into streams (stream_id, title) values ('old', 'Old');
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, avg_sentiment)
        values ('old', '2024-01-01 00:00', '2024-01-01 00:01', 7, 5);
    insert into moments (stream_id, timestamp, moment_type) values ('old', '2024-01-01', 'emote_burst');
"""


async def tables_of(database: PostgresAddress) -> set[str]:
    async with connected(database) as connection:
        rows = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    return {row["tablename"] for row in rows}


async def drift_of(database: PostgresAddress) -> list[object]:
    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        return list(compare_metadata(context, metadata))

    engine = create_async_engine("postgresql+asyncpg://", connect_args=connect_arguments(database))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(compare)
    finally:
        await engine.dispose()


def test_the_schema_revision_is_the_newest_migration() -> None:
    assert ScriptDirectory(str(migrations_path())).get_heads() == [SCHEMA_REVISION]


async def test_an_empty_database_goes_up_down_and_up_again(empty_database: PostgresAddress) -> None:
    assert await migrate(empty_database) == SCHEMA_REVISION
    up = await tables_of(empty_database)
    assert await migrate(empty_database, to="base") is None
    assert await tables_of(empty_database) == {VERSION_TABLE}
    assert await migrate(empty_database) == SCHEMA_REVISION
    assert await tables_of(empty_database) == up


@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
@pytest.mark.filterwarnings(
    "ignore:Can't validate argument 'dialect_options'"
)  # Alembic 1.20 on SQLAlchemy 2.1
async def test_the_migrated_schema_does_not_drift_from_the_described_one(database: PostgresAddress) -> None:
    assert await drift_of(database) == []
    async with connected(database) as connection:
        await connection.execute("alter table moments add column extra text; drop index streams_updated")
    assert len(await drift_of(database)) == len({"extra", "streams_updated"})


async def test_the_columns_are_those_specified_and_the_revision(database: PostgresAddress) -> None:
    async with connected(database) as connection:
        rows = await connection.fetch(
            "select table_name, array_agg(column_name::text order by ordinal_position) as columns "
            "from information_schema.columns where table_schema = 'public' group by table_name"
        )
    columns = {row["table_name"]: row["columns"] for row in rows}
    assert columns["streams"] == ["stream_id", "title", "created_at", "updated_at", "revision"]
    assert columns["chat_summary_minute"] == [
        *("id", "stream_id", "window_start", "window_end", "chat_count", "unique_chatters", "top_emotes"),
        *("avg_sentiment", "chat_rate", "avg_viewers", "z_score", "is_anomaly", "revision"),
    ]
    assert columns["moments"] == [
        *("moment_id", "stream_id", "timestamp", "moment_type", "description", "metric_name"),
        *("metric_value", "threshold", "z_score", "metadata", "revision"),
    ]


async def test_two_migrations_at_once_both_end_well(empty_database: PostgresAddress) -> None:
    async with asyncio.timeout(60):
        assert await asyncio.gather(*(migrate(empty_database) for _ in range(3))) == [SCHEMA_REVISION] * 3


async def test_tables_with_data_are_adopted_without_a_rewrite(empty_database: PostgresAddress) -> None:
    async with connected(empty_database) as connection:
        await connection.execute(OLDER_TABLES)
        files = "select array_agg(relfilenode order by relname) from pg_class where relname = any($1)"
        names = ["streams", "chat_summary_minute", "moments"]
        before = await connection.fetchval(files, names)
        await migrate(empty_database)
        assert await connection.fetchval(files, names) == before
        assert await connection.fetchval("select count(*) from chat_summary_minute where revision = '0'") == 1
        await connection.execute("update chat_summary_minute set avg_sentiment = 0.5, chat_count = 8")
        assert await connection.fetchval("select revision from chat_summary_minute") > 0
    await require_newest_schema(empty_database)


async def test_windows_stored_twice_stop_the_adoption_and_nothing_changes(
    empty_database: PostgresAddress,
) -> None:
    async with connected(empty_database) as connection:
        await connection.execute(OLDER_TABLES)
        await connection.execute(
            "insert into chat_summary_minute (stream_id, window_start, window_end, chat_count) "
            "select stream_id, window_start, window_end, 1 from chat_summary_minute"
        )
    with pytest.raises(MigrationFailed, match="chat_summary_minute_key"):
        await migrate(empty_database)
    assert await find_schema_revision(empty_database) is None
    assert "removals" not in await tables_of(empty_database)


async def test_going_down_does_not_lose_rows(database: PostgresAddress) -> None:
    async with connected(database) as connection:
        await connection.execute("insert into streams (stream_id) values ('s')")
        with pytest.raises(MigrationFailed, match="streams holds rows"):
            await migrate(database, to="base")
        assert await connection.fetchval("select count(*) from streams") == 1
        assert await migrate(database, to="0001") == "0001"
        assert await connection.fetchval("select count(*) from streams") == 1


async def test_a_database_that_was_never_migrated_is_refused_by_name(empty_database: PostgresAddress) -> None:
    with pytest.raises(SchemaOutdated, match="telemetra migrate"):
        await require_newest_schema(empty_database)


@pytest.mark.parametrize("found", [f"{int(SCHEMA_REVISION) + 1:04}", "later"])
async def test_a_database_that_a_newer_version_migrated_is_left_alone(
    database: PostgresAddress, found: str
) -> None:
    async with connected(database) as connection:
        await connection.execute(f"update {VERSION_TABLE} set version_num = '{found}'")
    with pytest.raises(SchemaOutdated, match="newer Telemetra") as refused:
        await require_newest_schema(database)
    assert "telemetra migrate" not in str(refused.value)
    for to in ("head", "0001"):
        with pytest.raises(MigrationFailed, match=f"newer Telemetra.*{found}"):
            await migrate(database, to=to)
    assert await find_schema_revision(database) == found


@pytest.mark.parametrize(
    ("start", "end", "column", "value"),
    [
        ("2026-01-01 00:01", "2026-01-01 00:00", "chat_count", "1"),
        ("2026-01-01 00:00", "2026-01-01 00:00", "chat_count", "1"),
        ("2026-01-01 00:00", "2026-01-01 00:01", "avg_sentiment", "1.5"),
        ("2026-01-01 00:00", "2026-01-01 00:01", "avg_sentiment", "-1.01"),
        ("2026-01-01 00:00", "2026-01-01 00:01", "avg_sentiment", "'Infinity'"),
        ("2026-01-01 00:00", "2026-01-01 00:01", "chat_count", "-1"),
    ],
)
async def test_a_window_that_cannot_be_is_refused(
    database: PostgresAddress, start: str, end: str, column: str, value: str
) -> None:
    async with connected(database) as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(WINDOW.format(column, start, end, value))


async def test_a_window_of_silence_is_taken_as_spark_writes_it(database: PostgresAddress) -> None:
    async with connected(database) as connection:
        await connection.execute(
            WINDOW.format("avg_sentiment", "2026-01-01 00:00", "2026-01-01 00:01", "'NaN'")
        )


async def test_an_unknown_moment_type_is_refused(database: PostgresAddress) -> None:
    async with connected(database) as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="moment_type_known"):
            await connection.execute(
                "insert into moments (stream_id, timestamp, moment_type) values ('s', '2026-01-01', 'dance')"
            )


async def test_one_window_is_stored_once_a_key(database: PostgresAddress) -> None:
    statement = WINDOW.format("chat_count", "2026-01-01 00:00", "2026-01-01 00:01", "1")
    async with connected(database) as connection:
        await connection.execute(statement)
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(statement)


async def test_the_newest_windows_are_one_index_scan(database: PostgresAddress) -> None:
    async with connected(database) as connection:
        await connection.execute("""
            insert into chat_summary_minute (stream_id, window_start, window_end, chat_count)
            select 's' || n % 20, timestamp '2020-01-01' + n * interval '1 minute',
                   timestamp '2020-01-01' + (n + 1) * interval '1 minute', n % 100
            from generate_series(1, 40000) n
        """)
        await connection.execute("analyze chat_summary_minute")
        plan = await connection.fetch(
            "explain (costs off) select * from chat_summary_minute where stream_id = 's7' "
            "order by window_start desc, window_end desc limit 100"
        )
    assert [line[0].strip(" ->") for line in plan] == [
        "Limit",
        "Index Scan Backward using chat_summary_minute_key on chat_summary_minute",
        "Index Cond: (stream_id = 's7'::text)",
    ]
