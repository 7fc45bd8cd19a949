"""Redis killed, stopped and slow under two services: reads go on at nearly their own speed, and live without a gap."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import count, pairwise
from pathlib import Path

import asyncpg
import pytest

from telemetra.adapters.postgres import PostgresAddress
from telemetra.adapters.redis.answers import GET_SECONDS
from tests.contract.proxy import Proxy
from tests.databases import connected
from tests.e2e.reading import PATIENCE_SECONDS, Ear, Reader, Rows, listening, patient, reading, stored
from tests.e2e.service import OK, Service, serving, when_healthy
from tests.own_redis import OwnRedis

STREAM = "lofi"
METRICS = f"/api/v1/streams/{STREAM}/metrics"
AWAY = {"status": "degraded", "database": "ok", "redis": "unavailable"}
UNCACHED_READS = 400
WRITE = """
    with stream as (
        insert into streams (stream_id, title) values ($1, $2::int) on conflict (stream_id) do update set title = $2::int
    ), moment as (
        insert into moments (stream_id, timestamp, moment_type, metric_value)
        values ($1, timestamp '2026-01-01' + $2 * interval '1 minute', 'chat_spike', $2)
    )
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count)
    values ($1, timestamp '2026-01-01' + $2 * interval '1 minute', timestamp '2026-01-01' + ($2 + 1) * interval '1 minute', $2)
"""


@asynccontextmanager
async def killed(redis: OwnRedis, _: Proxy) -> AsyncIterator[None]:
    await redis.kill()
    yield
    await redis.start()


@asynccontextmanager
async def stopped(redis: OwnRedis, _: Proxy) -> AsyncIterator[None]:
    with redis.stopped():
        yield


@asynccontextmanager
async def five_seconds_slow(_: OwnRedis, way: Proxy) -> AsyncIterator[None]:
    way.delay_seconds = 5.0
    yield
    way.delay_seconds = 0.0


Fault = Callable[[OwnRedis, Proxy], AbstractAsyncContextManager[None]]


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database) as connection:
        yield connection


async def write(writer: asyncpg.Connection, number: int, stream_id: str = STREAM) -> None:
    """Store a stream's title, a moment and a window, all of this number, in one transaction."""
    await writer.execute(WRITE, stream_id, number)


async def assert_reads(reader: Reader, writer: asyncpg.Connection, number: int) -> None:
    """Assert that each kind of read has what was written last, which is this number."""
    streams = (await reader.get("/api/v1/streams")).json()
    assert {stream["stream_id"]: stream["title"] for stream in streams}[STREAM] == str(number)
    assert (await reader.get(f"/api/v1/streams/{STREAM}")).json()["title"] == str(number)
    moments = (await reader.get(f"/api/v1/streams/{STREAM}/moments")).json()
    assert moments[0]["metric_value"] == number
    assert await reader.rows(METRICS) == await stored(writer, STREAM, limit=100)
    since = "window_start >= '2026-01-01 00:05'"
    assert await reader.rows(f"{METRICS}?start_time=2026-01-01T00:05:00Z") == await stored(
        writer, STREAM, since, limit=100
    )


async def assert_uncached_reads_do_not_wait_each(reader: Reader, windows: Rows) -> None:
    began = time.monotonic()
    for limit in range(1, UNCACHED_READS + 1):
        assert await reader.rows(f"{METRICS}?limit={limit}") == windows[:limit]
    # Each would wait for Redis in vain: the breaker lets few attempts through.
    assert time.monotonic() - began < UNCACHED_READS * GET_SECONDS


async def until_shared(one: Reader, two: Reader, writer: asyncpg.Connection) -> None:
    """Wait until one service answers what it was never asked from what another has read."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for number in count():
            path = f"{METRICS}?limit=77&end_time=2027-01-01T00:00:00.{number:06}Z"
            read = await one.positions(path)
            # What is read from now on says so by its position.
            await writer.execute("update streams set title = $1 where stream_id = 'elsewhere'", read[0])
            if await two.positions(path) == read:
                return
            await asyncio.sleep(0.05)


def turns_of_the_breaker(service: Service) -> list[str]:
    told = ("shared_cache_away", "shared_cache_back")
    return [event for line in service.log if (event := json.loads(line)["event"]) in told]


@pytest.mark.parametrize("fault", [killed, stopped, five_seconds_slow])
async def test_without_redis_reads_are_right_and_listeners_told_all_once(
    fault: Fault, tmp_path: Path, database: PostgresAddress, writer: asyncpg.Connection
) -> None:
    await write(writer, 0, "elsewhere")
    await write(writer, 0)
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(OwnRedis())
        way = await stack.enter_async_context(Proxy("127.0.0.1", redis.port))
        url = f"redis://127.0.0.1:{way.port}/0" if fault is five_seconds_slow else redis.url
        services: list[Service] = []
        readers: list[Reader] = []
        ears: list[Ear] = []
        for _ in range(2):
            service = await stack.enter_async_context(serving(tmp_path / "data", **patient(database, url)))
            services.append(service)
            readers.append(await stack.enter_async_context(reading(service)))
            ears.append(await stack.enter_async_context(listening(service, STREAM)))
        one, two = readers

        async def assert_write_is_told_and_read(number: int) -> None:
            await write(writer, number)
            for ear, reader in zip(ears, readers, strict=True):
                await ear.until_told(number)
                await assert_reads(reader, writer, number)

        for number in range(1, 11):
            await assert_write_is_told_and_read(number)
        await until_shared(one, two, writer)
        async with fault(redis, way):
            for number in range(11, 21):
                await assert_write_is_told_and_read(number)
            windows = await stored(writer, STREAM)
            async with asyncio.TaskGroup() as group:
                for reader in readers:
                    group.create_task(assert_uncached_reads_do_not_wait_each(reader, windows))
            for service in services:
                await service.logged(event="shared_cache_away")
                assert (await when_healthy(service, AWAY)).status_code == 200
        for number in range(21, 31):
            await assert_write_is_told_and_read(number)
        await until_shared(one, two, writer)
        await until_shared(two, one, writer)
        for service, ear in zip(services, ears, strict=True):
            await when_healthy(service, OK)
            assert ear.counts == list(range(1, 31))
            assert all(before != after for before, after in pairwise(turns_of_the_breaker(service)))
