"""PostgreSQL killed, stopped, restarted and fully busy under a service: what its clients are told, and how soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.databases import connected
from tests.e2e.reading import listening, patient
from tests.e2e.service import external, serving
from tests.e2e.test_live import INSERT
from tests.integration.faults.asking import (
    METRICS,
    STREAM,
    Asked,
    Asker,
    a_question,
    asking,
    assert_in_time,
    holding,
    questions,
)
from tests.own_postgres import OwnPostgres

REFUSED_SECONDS = 3.0
BACK_SECONDS = 5.0
HEALTH_SECONDS = 1.0
POOL = 10
AWAY = {"status": "unavailable", "database": "unavailable", "redis": "ok"}


@pytest.fixture
async def writer(server: OwnPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A stranger's connection to a stream of twenty windows."""
    async with connected(server.address) as connection:
        await connection.execute("truncate streams, chat_summary_minute, moments")
        await connection.execute("insert into streams (stream_id) values ($1)", STREAM)
        await connection.execute(INSERT, STREAM, 1, 20)
        yield connection


@pytest.mark.usefixtures("writer")
async def test_reads_of_a_killed_database_are_503_and_good_soon_after_it_is_back(
    tmp_path: Path, server: OwnPostgres, redis_url: str
) -> None:
    # No read is out of time by itself: what is refused was refused because the server died.
    async with (
        serving(tmp_path / "data", **patient(server.address, redis_url)) as service,
        asking(service) as client,
        listening(service, STREAM) as ear,
        holding(server.address) as hold,
    ):
        under_way = asyncio.ensure_future(client.ask_all(questions(POOL)))
        await hold.until_wait(POOL)
        killed_at = time.monotonic()
        async with server.killed():
            met_in_the_middle = await under_way
            assert time.monotonic() - killed_at < REFUSED_SECONDS
            asked = [await client.ask(a_question()) for _ in range(20)]
            assert all(one.is_refused() for one in (*met_in_the_middle, *asked))
            assert_in_time(REFUSED_SECONDS, asked)
            assert (await client.ask("/api/v1/health")).answer.json() == AWAY
        assert await client.until_read() < BACK_SECONDS
        async with connected(server.address) as writer:
            await writer.execute(INSERT, STREAM, 21, 21)
        await ear.until_told(21)
        assert (await client.ask(METRICS)).answer.json()[0]["chat_count"] == 21
        assert service.process.returncode is None


@pytest.mark.usefixtures("writer")
async def test_while_the_database_is_stopped_what_is_kept_is_served_and_the_rest_refused_in_time(
    tmp_path: Path, server: OwnPostgres, redis_url: str
) -> None:
    async with (
        serving(tmp_path / "data", **external(server.address, redis_url)) as service,
        asking(service) as client,
    ):
        kept = await client.until_kept(METRICS)
        async with server.stopped():
            over = asyncio.get_running_loop().time() + 8

            async def again_and_again(*paths: str) -> list[Asked]:
                asked = []
                while asyncio.get_running_loop().time() < over:
                    asked += await client.ask_all(paths or questions(POOL + 5))
                    await asyncio.sleep(0.05)
                return asked

            reads, others, healths, lives = await asyncio.gather(
                again_and_again(METRICS),
                again_and_again(),
                again_and_again("/api/v1/health"),
                again_and_again("/health"),
            )
        back_after = await client.until_read()
    assert {(one.status, one.answer.content) for one in reads} == {(200, kept.answer.content)}
    assert all(one.is_refused() for one in others)
    assert [one.answer.json()["database"] for one in healths] == ["unavailable"] * len(healths)
    assert {one.status for one in lives} == {200}
    assert len(reads) > 10
    assert_in_time(REFUSED_SECONDS, reads)
    assert_in_time(REFUSED_SECONDS, others)
    assert_in_time(HEALTH_SECONDS, healths)
    assert_in_time(HEALTH_SECONDS, lives)
    assert back_after < BACK_SECONDS


async def fill_the_pool(server: OwnPostgres, client: Asker) -> None:
    """Have the service open all connections that it may."""
    async with holding(server.address) as hold:
        under_way = asyncio.ensure_future(client.ask_all(questions(POOL)))
        await hold.until_wait(POOL)
        await hold.end()
        assert {asked.status for asked in await under_way} == {200}


@pytest.mark.usefixtures("writer")
async def test_a_restart_of_the_database_costs_no_more_than_a_request_a_connection(
    tmp_path: Path, server: OwnPostgres, redis_url: str
) -> None:
    async with (
        serving(tmp_path / "data", **patient(server.address, redis_url)) as service,
        asking(service) as client,
    ):
        for _ in range(3):
            await fill_the_pool(server, client)
            await server.restart()
            asked = [await client.ask(a_question()) for _ in range(POOL)]
            asked += await client.ask_all(questions(5 * POOL))
            assert sum(one.status != 200 for one in asked) <= POOL
            asked = await client.ask_all(questions(5 * POOL))
            assert {one.status for one in asked} == {200}


@pytest.mark.usefixtures("writer")
async def test_a_read_that_finds_every_connection_in_use_is_refused_within_the_acquire_bound(
    tmp_path: Path, server: OwnPostgres, redis_url: str
) -> None:
    bound_seconds = 0.5
    bounds = {"POSTGRES_POOL_SIZE": "2", "POSTGRES_ACQUIRE_TIMEOUT": str(bound_seconds)}
    async with (
        serving(tmp_path / "data", **patient(server.address, redis_url, **bounds)) as service,
        asking(service) as client,
        holding(server.address) as hold,
    ):
        served = asyncio.ensure_future(client.ask_all(questions(2)))
        await hold.until_wait(2)
        refused = await client.ask_all(questions(20))
        assert all(one.is_refused() for one in refused)
        assert_in_time(bound_seconds + 0.25, refused)
        assert min(one.seconds for one in refused) >= bound_seconds
        await hold.end()
        assert {one.status for one in await served} == {200}
        assert (await client.ask(a_question())).status == 200
