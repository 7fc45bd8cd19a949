"""What the database in memory has beyond the ports: outages, crashes, and removals that are forgotten."""

from __future__ import annotations

import asyncio
import threading

import pytest

from telemetra.adapters.memory import MemoryDatabase, MemoryProbe, MemoryWriter, memory_ports
from telemetra.domain.changes import Step
from telemetra.domain.errors import DatabaseUnavailable, PositionInvalid, RedisUnavailable
from telemetra.domain.queries import ListStreams, ReadMetrics, ReadMoments
from tests.contract.listener import following
from tests.contract.samples import a_moment, a_stream, a_window


async def test_every_port_of_the_database_says_when_it_is_away() -> None:
    database = MemoryDatabase()
    ports, writer = memory_ports(database), MemoryWriter(database)
    position = database.position()
    with database.unavailable():
        answers = await asyncio.gather(
            ports.streams.list(ListStreams()),
            ports.streams.get("lofi"),
            ports.metrics.list(ReadMetrics(stream_id="lofi")),
            ports.moments.list(ReadMoments(stream_id="lofi")),
            ports.feed.snapshot("lofi", windows=1, moments=1),
            ports.feed.since("lofi", position, limit=1),
            ports.database.check(),
            writer.write(a_stream(), [], []),
            return_exceptions=True,
        )
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 8
    await ports.database.check()


async def test_redis_can_be_taken_away_alone() -> None:
    redis = MemoryProbe()
    ports = memory_ports(MemoryDatabase(), redis=redis)
    await ports.redis.check()
    redis.available = False
    with pytest.raises(RedisUnavailable):
        await ports.redis.check()
    await ports.database.check()


async def test_a_follower_waits_for_the_database_and_goes_on_from_where_it_stood() -> None:
    database = MemoryDatabase()
    async with following(memory_ports(database).feed) as follower:
        with database.unavailable(), database.begin() as transaction:
            transaction.put_stream(a_stream())
        (step,) = await follower.until_told("lofi", a_stream())
    assert isinstance(step, Step)


async def test_a_commit_by_another_thread_is_told() -> None:
    database = MemoryDatabase()

    def write() -> None:
        with database.begin() as transaction:
            transaction.put_stream(a_stream())

    async with following(memory_ports(database).feed) as follower:
        writer = threading.Thread(target=write)
        writer.start()
        await follower.until_told("lofi", a_stream())
        await asyncio.to_thread(writer.join, 10)


async def test_a_position_from_before_a_crash_hides_no_row_that_gets_an_id_again() -> None:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
    rolled_back = database.begin()
    rolled_back.put_window(a_window())
    rolled_back.rollback()
    position = database.position()
    database.crash()
    with database.begin() as transaction:
        transaction.put_moment(a_moment())
    assert transaction.revision == rolled_back.revision
    page = await memory_ports(database).feed.since("lofi", position, limit=10)
    assert [change.data for change in page.changes] == [a_moment()]


async def test_a_position_older_than_a_forgotten_removal_is_refused() -> None:
    database = MemoryDatabase()
    feed = memory_ports(database).feed
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
        transaction.put_moment(a_moment())
    before = database.position()
    with database.begin() as transaction:
        transaction.remove_moment("m1")
    after = database.position()
    database.forget_removals()
    with pytest.raises(PositionInvalid):
        await feed.since("lofi", before, limit=10)
    assert list((await feed.since("lofi", after, limit=10)).changes) == []


def test_a_transaction_ends_once() -> None:
    transaction = MemoryDatabase().begin()
    transaction.rollback()
    with pytest.raises(RuntimeError):
        transaction.commit()


def test_a_transaction_that_fails_is_rolled_back() -> None:
    database = MemoryDatabase()

    def fail() -> None:
        with database.begin() as transaction:
            transaction.put_stream(a_stream())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert database.position().seen.xmax == 1
