"""The embedded database on a disk that is full: writes fail clearly, reads go on, and nothing that was committed is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress

import asyncpg
import pytest

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connect, connected
from tests.e2e.reading import listening
from tests.e2e.service import serving, when_healthy
from tests.e2e.test_serve import embedded_database
from tests.integration.faults.asking import METRICS, PATIENCE_SECONDS, STREAM, a_question, asking
from tests.integration.faults.disks import Disk, own_disk

WIDE = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, top_emotes)
    select $1, t, t + interval '1 minute', n, array(select md5(random()::text || i) from generate_series(1, 20) i)
    from generate_series($2::int, $2 + 499) n, lateral (select timestamp '2026-01-01' + n * interval '1 minute' as t) s
"""
REWRITE = """
    do $$ begin for i in 1..2000 loop
        update streams set title = md5(random()::text); if i % 100 = 0 then commit; end if;
    end loop; end $$
"""
"""About a megabyte of log, and no more room in the table than vacuum gives back."""
ROOM_IN_THE_LOG = 3
FAILING_SECONDS = 3.0
BACK_SECONDS = 10.0


@pytest.fixture
def disk() -> Iterator[Disk]:
    with own_disk() as disk:
        yield disk


async def have_a_stream(address: PostgresAddress) -> None:
    async with connected(address) as writer:
        await writer.execute("insert into streams (stream_id) values ($1)", STREAM)


async def fill_the_log(writer: asyncpg.Connection) -> None:
    """Have more of the log's files made than a short while needs."""
    for _ in range(200):
        await writer.execute(REWRITE)
        await writer.execute("vacuum streams")
        if await writer.fetchval("select count(*) from pg_ls_waldir()") > ROOM_IN_THE_LOG:
            break
    # Those that are no longer needed are kept for what comes.
    await writer.execute("checkpoint")
    await writer.execute("checkpoint")
    assert await writer.fetchval("select count(*) from pg_ls_waldir()") > ROOM_IN_THE_LOG


async def insert_until_refused(writer: asyncpg.Connection, first: int) -> tuple[int, Exception]:
    """Insert by the five hundred, as long as they are taken; return the next number, and what was said."""
    number = first
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await writer.execute(WIDE, STREAM, number)
            except asyncpg.PostgresError as error:
                return number, error
            number += 500


async def test_writes_are_refused_and_reads_go_on_until_there_is_room_again(disk: Disk) -> None:
    async with serving(disk.path / "data") as service, asking(service) as client:
        address = embedded_database(disk.path / "data")
        await have_a_stream(address)
        async with connected(address) as writer, listening(service, STREAM) as ear:
            await writer.execute(WIDE, STREAM, 0)
            await ear.until_told(499)
            await fill_the_log(writer)
            await disk.fill(writer, left_bytes=4 * 2**20)
            number, error = await insert_until_refused(writer, 500)
            over = time.monotonic() + FAILING_SECONDS
            while time.monotonic() < over:
                assert "could not extend file" in str(error)
                newest = await client.ask(a_question())
                assert [window["chat_count"] for window in newest.answer.json()][:1] == [number - 1]
                await when_healthy(service)
                await asyncio.sleep(0.2)
                number, error = await insert_until_refused(writer, number)
            disk.free()
            await writer.execute(WIDE, STREAM, number)
            await ear.until_told(number + 499)
            assert ear.counts == list(range(number + 500))
            assert await rows_by_either_way(writer) == [number + 500] * 2
        assert await service.end() == 0
    async with serving(disk.path / "data") as service, asking(service) as client:
        async with connected(embedded_database(disk.path / "data")) as writer:
            assert await rows_by_either_way(writer) == [number + 500] * 2
        assert (await client.ask(METRICS)).answer.json()[0]["chat_count"] == number + 499


async def rows_by_either_way(reader: asyncpg.Connection) -> list[int]:
    """Count the rows in the table, and in its index."""
    counts = []
    for off in (
        "enable_indexscan = off; set enable_indexonlyscan = off; set enable_bitmapscan",
        "enable_seqscan",
    ):
        await reader.execute(f"reset all; set {off} = off")
        counts.append(
            await reader.fetchval(
                "select count(distinct chat_count) from chat_summary_minute where stream_id = $1", STREAM
            )
        )
    return counts


async def test_a_log_without_room_stops_the_engine_which_is_back_by_itself_with_every_row(disk: Disk) -> None:
    """PostgreSQL itself stops for it, whatever can still be read: only what is kept is served meanwhile."""
    async with serving(disk.path / "data") as service, asking(service) as client:
        address = embedded_database(disk.path / "data")
        await have_a_stream(address)
        async with listening(service, STREAM) as ear:
            writer = await connect(address)
            try:
                await writer.execute(WIDE, STREAM, 0)
                await ear.until_told(499)
                kept = await client.until_kept(METRICS)
                await disk.fill(writer, left_bytes=0)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not writer.is_closed():
                        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                            await writer.execute(REWRITE)
                        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                            await writer.execute("vacuum streams")
            finally:
                writer.terminate()
            over, refused = time.monotonic() + FAILING_SECONDS, 0
            while time.monotonic() < over:
                answer = await client.ask(METRICS)
                assert (answer.status, answer.answer.content) == (200, kept.answer.content)
                asked = await client.ask(a_question())
                refused += asked.is_refused()
                assert asked.status == 200 or asked.is_refused()
                await asyncio.sleep(0.1)
            assert refused > 0
            disk.free()
            began = time.monotonic()
            await client.until_read()
            assert time.monotonic() - began < BACK_SECONDS
            async with connected(address) as writer:
                assert await rows_by_either_way(writer) == [500, 500]
                await writer.execute(WIDE, STREAM, 500)
            await ear.until_told(999)
            assert ear.counts == list(range(1_000))
