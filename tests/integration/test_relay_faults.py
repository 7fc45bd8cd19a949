"""
Faults on the way of a live update: leaders killed, stopped and cut off, connections ended and silent, Redis gone.

In every one of them writers go on, and in the end each listener has been told everything once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from telemetra.adapters.postgres import PostgresAddress, open_postgres
from tests.contract.backends import open_postgres_world
from tests.contract.buses import proxied
from tests.contract.listener import position_now
from tests.contract.proxy import Proxy
from tests.contract.samples import a_moment, a_stream, a_window
from tests.contract.world import World
from tests.databases import connected
from tests.integration.relay_process import PATIENCE_SECONDS, STREAM, Process, run_relay
from tests.own_redis import OwnRedis

ROOT = Path(__file__).parents[2]
LEADERS = """
    select a.pid from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and a.datname = current_database()
"""
TAKEOVER_SECONDS = 10.0
"""Wanted are five; a machine that is busy with other tests gets twice the time."""
SILENTLY_DEAD_SECONDS = 10.0
"""Until a connection that carries nothing any more is noticed, and what was missed is made up for."""
LONG = 600.0
"""A silence that no test waits for."""


@pytest.fixture
async def world(database: PostgresAddress) -> AsyncIterator[World]:
    async with open_postgres_world(database) as world:
        yield world


@asynccontextmanager
async def writing(world: World) -> AsyncIterator[None]:
    """Write all the while, so that the fault meets updates wherever they are."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            # Some are new, some are rewritten while they are on their way.
            windows = [a_window(number % 50, chat_count=number), a_window(number % 300, length_minutes=2)]
            await world.writer.write(a_stream(minute=number), windows, [])
            begun.set()
            await asyncio.sleep(0.01)

    writes = asyncio.create_task(write())
    try:
        await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)
        yield
    finally:
        over.set()
        await asyncio.wait_for(writes, PATIENCE_SECONDS)


async def catches_up(world: World, *processes: Process) -> None:
    """Wait until these have come as far as the database is now."""
    now = await position_now(world)
    for process in processes:
        await process.listener.reaches(now)


async def assert_told_everything(world: World, *processes: Process) -> None:
    await catches_up(world, *processes)
    for process in processes:
        await process.listener.read_gaps(world.ports.feed)
        await process.listener.copy.assert_complete(world, STREAM)


async def leaders(database: PostgresAddress) -> list[int]:
    async with connected(database) as connection:
        return [row["pid"] for row in await connection.fetch(LEADERS)]


class Child:
    """A process of its own that leads until something happens to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        assert self.process.stdout
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_SECONDS)
        assert line, "it has ended"
        return line.decode().strip()

    async def is_told(self, world: World, word: str) -> None:
        """Wait until it has said that it was told of something that is written from now on."""
        written = 0

        async def write() -> None:
            nonlocal written
            while True:
                written += 1
                await world.writer.write(a_stream(), [], [a_moment(f"{word}-{written}")])
                await asyncio.sleep(0.1)

        writes = asyncio.create_task(write())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await self.line()).startswith(f"{word}-"):
                pass
        writes.cancel()
        await asyncio.wait({writes})


@asynccontextmanager
async def a_leading_child(
    database: PostgresAddress, redis_url: str, *, port: int | None = None
) -> AsyncIterator[Child]:
    """Start a process and wait until it leads."""
    postgres = dataclasses.asdict(dataclasses.replace(database, port=port or database.port))
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.relay_process",
        json.dumps({"postgres": postgres, "redis_url": redis_url}),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        child = Child(started)
        while await child.line() != "ready":
            pass
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await leaders(database):  # noqa: ASYNC110  (locks tell nobody that they were taken)
                await asyncio.sleep(0.05)
        yield child
    finally:
        with suppress(ProcessLookupError):
            started.kill()
        await started.wait()


@asynccontextmanager
async def a_led_process(world: World, database: PostgresAddress, redis_url: str) -> AsyncIterator[Process]:
    """Run a process in this one that hears what another, which leads, is told of."""
    async with run_relay(database, redis_url) as process:
        await catches_up(world, process)
        async with writing(world):
            await catches_up(world, process)
            yield process
        await assert_told_everything(world, process)


@asynccontextmanager
async def in_time(bound_seconds: float) -> AsyncIterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < bound_seconds


async def takes_over(process: Process) -> None:
    async with in_time(TAKEOVER_SECONDS):
        await process.feed.leads.on()


async def test_a_leader_that_is_killed_is_replaced(
    world: World, database: PostgresAddress, redis_url: str
) -> None:
    async with (
        a_leading_child(database, redis_url) as child,
        a_led_process(world, database, redis_url) as process,
    ):
        assert not process.feed.leads.is_on
        child.process.kill()
        await takes_over(process)
        await catches_up(world, process)


async def test_a_leader_that_is_stopped_is_replaced_and_does_no_harm_when_it_goes_on(
    world: World, database: PostgresAddress, redis_url: str
) -> None:
    async with (
        a_leading_child(database, redis_url) as child,
        a_led_process(world, database, redis_url) as process,
    ):
        child.process.send_signal(signal.SIGSTOP)
        try:
            await takes_over(process)
        finally:
            child.process.send_signal(signal.SIGCONT)
        await child.is_told(world, "awake")
        assert process.feed.leads.is_on
        assert len(await leaders(database)) == 1


async def test_a_leader_that_is_cut_off_is_replaced_and_hears_what_the_next_one_is_told(
    world: World, database: PostgresAddress, redis_url: str
) -> None:
    async with (
        Proxy(database.host, database.port) as way,
        a_leading_child(database, redis_url, port=way.port) as child,
        a_led_process(world, database, redis_url) as process,
    ):
        way.freeze(new_ones_too=True)
        await takes_over(process)
        await child.is_told(world, "cut off")
        way.thaw()
        await child.is_told(world, "back")
        assert process.feed.leads.is_on
        assert len(await leaders(database)) == 1


async def test_a_connection_that_is_ended_is_made_again(
    world: World, database: PostgresAddress, redis_url: str
) -> None:
    async with a_led_process(world, database, redis_url) as process:
        await process.feed.leads.on()
        for times in (2, 3):
            (pid,) = await leaders(database)
            async with connected(database) as connection:
                assert await connection.fetchval("select pg_terminate_backend($1)", pid)
            async with in_time(TAKEOVER_SECONDS):
                await process.feed.leads.on(times=times)
                await catches_up(world, process)
        assert process.listener.gaps == []


async def test_a_connection_that_is_silently_dead_is_noticed(
    world: World, database: PostgresAddress, redis_url: str
) -> None:
    async with Proxy(database.host, database.port) as way:
        far = dataclasses.replace(database, port=way.port)
        async with a_led_process(world, far, redis_url) as process:
            await process.feed.leads.on()
            way.freeze()
            async with in_time(SILENTLY_DEAD_SECONDS):
                await process.feed.stands_in.on()
                await catches_up(world, process)
            await process.feed.leads.on(times=2)
            await process.feed.stands_in.off()
        assert process.listener.gaps == []


async def test_nobody_waits_for_the_lead_of_a_database_that_is_away(database: PostgresAddress) -> None:
    async with Proxy(database.host, database.port) as way:
        far = dataclasses.replace(database, port=way.port)
        async with open_postgres(far, live_interval_seconds=0.02) as postgres:
            await way.cut()
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert [step async for step in postgres.feed.lead(lambda: None)] == []


async def test_a_leader_that_looks_seldom_keeps_the_lead(database: PostgresAddress) -> None:
    """A server that hears nothing of it for three seconds would end its session."""
    async with open_postgres(database, live_interval_seconds=600) as postgres:
        leading = postgres.feed.lead(lambda: None)
        async with asyncio.timeout(PATIENCE_SECONDS):
            beats = [await anext(leading) for _ in range(20)]
        assert len({beat.after for beat in beats}) == 1
        await leading.aclose()  # type: ignore[attr-defined]


async def test_a_bulk_load_does_not_cost_the_lead(
    world: World, database: PostgresAddress, redis_url: str
) -> None:
    async with a_led_process(world, database, redis_url) as process:
        await process.feed.leads.on()
        before = await leaders(database)
        async with connected(database) as connection:
            await connection.execute("""
                insert into chat_summary_minute (stream_id, window_start, window_end)
                select 'bulk', timestamp '2020-01-01' + n * interval '1 minute',
                       timestamp '2020-01-01' + (n + 1) * interval '1 minute'
                from generate_series(1, 60000) n
            """)
        await catches_up(world, process)
        assert await leaders(database) == before
        assert process.feed.leads.begun == 1


async def test_a_redis_that_is_killed_and_comes_back_loses_nobody_an_update(
    world: World, database: PostgresAddress
) -> None:
    async with OwnRedis() as redis, run_relay(database, redis.url) as leader:
        await leader.feed.leads.on()
        async with a_led_process(world, database, redis.url) as other:
            for _ in range(2):
                await redis.kill()
                await other.feed.stands_in.on()
                await catches_up(world, leader, other)
                assert not other.feed.leads.is_on
                await redis.start()
                await other.feed.stands_in.off()
                await catches_up(world, leader, other)
            assert leader.feed.leads.begun == 1
            assert leader.feed.stands_in.begun == 0
        assert leader.listener.gaps == other.listener.gaps == []
        await assert_told_everything(world, leader)


async def test_a_subscription_that_has_gone_silent_is_made_anew_and_the_gap_is_filled(
    world: World, database: PostgresAddress, redis_url: str
) -> None:
    async with proxied(redis_url) as (way, far), run_relay(database, redis_url) as leader:
        await leader.feed.leads.on()
        async with run_relay(database, far, silence_seconds=LONG, first_seconds=LONG) as other:
            await catches_up(world, leader, other)
            async with writing(world):
                await catches_up(world, leader, other)
                way.freeze()
                await world.writer.write(a_stream(), [], [a_moment("after it froze")])
                # It stands in for nobody, so that it comes as far as this by a new subscription alone.
                async with in_time(SILENTLY_DEAD_SECONDS):
                    await catches_up(world, leader, other)
            await assert_told_everything(world, leader, other)
        assert other.listener.gaps
        assert other.feed.stands_in.begun == 0


async def test_a_process_that_begins_without_redis_is_told_everything(
    world: World, database: PostgresAddress
) -> None:
    redis = OwnRedis()
    async with a_led_process(world, database, redis.url) as leader:
        await leader.feed.leads.on()
        async with run_relay(database, redis.url) as other:
            await other.feed.stands_in.on()
            await catches_up(world, leader, other)
            async with redis:
                await other.feed.stands_in.off()
                await catches_up(world, leader, other)
        assert leader.listener.gaps == other.listener.gaps == []
