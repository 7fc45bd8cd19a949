"""Rows that go, and rows that come by ways of their own: whoever listens is told, and no read is older."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from telemetra.adapters.embedded import PostgresEndpoint
from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected, fresh_database
from tests.e2e.reading import Ear, Reader, listening, patient, reading, stored
from tests.e2e.service import serving
from tests.e2e.test_live import INSERT
from tests.integration.faults.asking import METRICS, STREAM


@asynccontextmanager
async def replicating(source: PostgresAddress, target: PostgresAddress) -> AsyncIterator[None]:
    """
    Have the target's windows follow the source's by logical replication, applied by the server itself.

    Both are in one server: there the slot has to be made beforehand, else the server would wait for itself.
    """
    conninfo = (
        f"host={source.host} port={source.port} user={source.user} password={source.password} "
        f"dbname={source.database}"
    )
    columns = "stream_id, window_start, window_end, chat_count"
    async with connected(source) as publisher, connected(target) as subscriber:
        await publisher.execute(f"create publication elsewhere for table chat_summary_minute (id, {columns})")
        await publisher.execute("select pg_create_logical_replication_slot('elsewhere', 'pgoutput')")
        await subscriber.execute(
            f"create subscription elsewhere connection '{conninfo}' publication elsewhere "
            "with (create_slot = false, slot_name = 'elsewhere', copy_data = false)"
        )
        try:
            yield
        finally:
            await subscriber.execute("alter subscription elsewhere disable")
            await subscriber.execute("alter subscription elsewhere set (slot_name = none)")
            await subscriber.execute("drop subscription elsewhere")
            await publisher.execute(
                "select pg_terminate_backend(active_pid) from pg_replication_slots "
                "where slot_name = 'elsewhere' and active"
            )
            await publisher.execute("select pg_drop_replication_slot('elsewhere')")


async def assert_read(reader: Reader, writer: asyncpg.Connection) -> None:
    assert await reader.rows(METRICS) == await stored(writer, STREAM, limit=100)


async def until_removed(ear: Ear) -> object:
    return (await ear.receive("removed"))["data"]


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database) as connection:
        await connection.execute("insert into streams (stream_id) values ($1)", STREAM)
        yield connection


async def test_what_replication_applies_is_told_and_read(
    tmp_path: Path,
    database: PostgresAddress,
    redis_url: str,
    writer: asyncpg.Connection,
    postgres: PostgresEndpoint,
    template: str,
) -> None:
    async with (
        fresh_database(postgres, template=template) as elsewhere,
        connected(elsewhere) as origin,
        replicating(elsewhere, database),
        serving(tmp_path / "data", **patient(database, redis_url)) as service,
        listening(service, STREAM) as ear,
        reading(service) as reader,
    ):
        for number in range(1, 11):
            await origin.execute(INSERT, STREAM, number, number)
            await ear.until_told(number)
            await assert_read(reader, writer)
        await origin.execute("update chat_summary_minute set chat_count = 100 where chat_count = 5")
        await ear.until_told(100)
        await assert_read(reader, writer)
        await origin.execute("delete from chat_summary_minute where chat_count = 7")
        await until_removed(ear)
        assert len(await reader.rows(METRICS)) == 9
        await origin.execute("truncate chat_summary_minute")
        await until_removed(ear)
        assert await reader.rows(METRICS) == []


async def test_rows_that_are_deleted_cascaded_and_truncated_are_told_and_read_no_more(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    await writer.execute(
        "alter table chat_summary_minute add foreign key (stream_id) references streams on delete cascade"
    )
    async with (
        serving(tmp_path / "data", **patient(database, redis_url)) as service,
        listening(service, STREAM) as ear,
        reading(service) as reader,
    ):
        for statement in (
            f"delete from chat_summary_minute where stream_id = '{STREAM}'",
            f"delete from streams where stream_id = '{STREAM}'",
            "truncate chat_summary_minute",
            "truncate streams cascade",
        ):
            await writer.execute("insert into streams (stream_id) values ($1) on conflict do nothing", STREAM)
            first = len(ear.counts)
            await writer.execute(INSERT, STREAM, first + 1, first + 5)
            await ear.until_told(first + 5)
            await assert_read(reader, writer)
            await writer.execute(statement)
            await until_removed(ear)
            answer = await service.get(METRICS)
            # A stream that nothing is left of is not known any more.
            is_known = await writer.fetchval("select count(*) from streams")
            assert (answer.status_code, answer.json()) == (200, []) if is_known else answer.status_code == 404
