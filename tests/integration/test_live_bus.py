"""What is particular to the live bus over Redis: sizes, strangers on its channels, a server that hangs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from telemetra.adapters.redis import RedisLiveBus, open_redis
from telemetra.adapters.redis.messages import VERSION
from telemetra.domain.changes import ChangeKind
from telemetra.domain.errors import BusUnavailable
from tests.contract.buses import PUBLISH_SECONDS, proxied
from tests.contract.samples import a_moment
from tests.contract.test_bus import a_change, a_moment_change, a_step, hearing
from tests.contract.world import BOUND_SECONDS


@pytest.fixture
def namespace() -> str:
    return secrets.token_hex(4)


@pytest.fixture
async def bus(redis_url: str, namespace: str) -> AsyncIterator[RedisLiveBus]:
    async with open_redis(redis_url, namespace=namespace, publish_seconds=PUBLISH_SECONDS) as redis:
        yield redis.bus


@pytest.fixture
async def stranger(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def test_a_part_of_more_than_a_megabyte_is_not_sent(bus: RedisLiveBus) -> None:
    large = a_change(a_moment(description="x" * 2**20), ChangeKind.MOMENT)
    async with hearing(bus, "lofi", "small") as hearer:
        await bus.publish(a_step(1, {"lofi": [large], "small": [a_moment_change()]}))
        step = await hearer.next()
    assert set(step.changes) == {"small"}
    assert step.uncarried == {"lofi"}


async def test_a_step_is_bounded_as_a_whole(bus: RedisLiveBus) -> None:
    changes = {
        f"s{number}": [a_change(a_moment(description="x" * 600_000), ChangeKind.MOMENT)]
        for number in range(10)
    }
    async with hearing(bus, *changes) as hearer:
        await bus.publish(a_step(1, changes))
        step = await hearer.next()
    assert len(step.changes) == 6
    assert step.uncarried == changes.keys() - step.changes.keys()


@pytest.mark.parametrize("metadata", [{"number": 2**70}, {"text": "\ud800"}])
async def test_what_no_message_holds_is_left_to_be_read(
    bus: RedisLiveBus, metadata: dict[str, object]
) -> None:
    odd = a_change(a_moment(metadata=metadata), ChangeKind.MOMENT)
    async with hearing(bus, "lofi", "other") as hearer:
        await bus.publish(a_step(1, {"lofi": [odd], "other": [a_moment_change()]}))
        step = await hearer.next()
    assert set(step.changes) == {"other"}
    assert step.uncarried == {"lofi"}


async def test_a_kind_of_moment_that_is_not_known_is_left_to_be_read(bus: RedisLiveBus) -> None:
    """Tables that were adopted may hold any word."""
    odd = a_change(a_moment(moment_type="raid"), ChangeKind.MOMENT)
    async with hearing(bus, "lofi") as hearer:
        for number in range(2):
            await bus.publish(a_step(number, {"lofi": [odd]}))
            assert (await hearer.next()).uncarried == {"lofi"}


async def test_deployments_that_share_a_server_do_not_hear_each_other(
    bus: RedisLiveBus, redis_url: str, namespace: str
) -> None:
    async with (
        open_redis(redis_url, namespace=namespace + "-other", publish_seconds=PUBLISH_SECONDS) as other,
        hearing(bus, "lofi") as hearer,
        hearing(other.bus, "lofi"),
    ):
        await other.bus.publish(a_step(1, {"lofi": [a_moment_change()]}))
        await bus.publish(a_step(2))
        assert await hearer.next() == a_step(2)


@pytest.mark.parametrize("nonsense", [b"", b"\xc1", b"{}", b"\x90", b"\x96" + b"\xc0" * 6])
async def test_nonsense_on_the_channels_is_dropped_and_told_once(
    bus: RedisLiveBus, stranger: Redis, namespace: str, nonsense: bytes
) -> None:
    prefix = f"telemetra:{VERSION}:{namespace}"
    with capture_logs() as logs:
        async with hearing(bus, "lofi") as hearer:
            for channel in (f"{prefix}:steps", f"{prefix}:stream:lofi", f"{prefix}:steps"):
                assert await stranger.publish(channel, nonsense) == 1
            step = a_step(1, {"lofi": [a_moment_change()]})
            await bus.publish(step)
            assert await hearer.next() == step
    assert [log["event"] for log in logs].count("live_bus_message_unreadable") == 1


async def test_parts_without_their_header_are_dropped(
    bus: RedisLiveBus, stranger: Redis, redis_url: str, namespace: str
) -> None:
    channel = f"telemetra:{VERSION}:{namespace}:stream:lofi"
    async with stranger.pubsub() as tap, hearing(bus, "lofi") as hearer:
        await tap.subscribe(channel)
        await tap.get_message(timeout=BOUND_SECONDS)
        await bus.publish(a_step(1, {"lofi": [a_moment_change()]}))
        await hearer.next()
        part = await tap.get_message(timeout=BOUND_SECONDS)
        assert part
        # As if its publisher had gone before the header.
        await stranger.publish(channel, part["data"])
        await bus.publish(a_step(2))
        step = await hearer.next()
        assert (step.changes, step.uncarried) == ({}, frozenset())
        await stranger.publish(channel, part["data"])
        await bus.publish(a_step(3, {"lofi": [a_moment_change("m3")]}))
        assert (await hearer.next()).changes == {"lofi": [a_moment_change("m3")]}


async def test_a_server_that_hangs_costs_the_publisher_little_and_is_not_asked_at_once_again(
    redis_url: str, namespace: str
) -> None:
    async with proxied(redis_url) as (way, far), open_redis(far, namespace=namespace) as redis:
        await redis.bus.publish(a_step(1))
        way.freeze(new_ones_too=True)
        with pytest.raises(BusUnavailable):
            await asyncio.wait_for(redis.bus.publish(a_step(2)), BOUND_SECONDS)
        with pytest.raises(BusUnavailable):
            # It does not get as far as to wait for anything.
            redis.bus.publish(a_step(3)).send(None)
        way.thaw()
        async with asyncio.timeout(BOUND_SECONDS):
            while True:
                try:
                    await redis.bus.publish(a_step(4))
                except BusUnavailable:
                    await asyncio.sleep(0.05)
                else:
                    break


async def test_a_refused_password_is_told_without_it(redis_url: str, namespace: str) -> None:
    wrong = redis_url.replace("://:", "://:not-the-password-")
    async with open_redis(wrong, namespace=namespace) as redis:
        with pytest.raises(BusUnavailable) as refused:
            await redis.bus.publish(a_step(1))
    assert "not-the-password" not in str(refused.value)


async def test_a_bus_that_is_closed_leaves_no_task(redis_url: str, namespace: str) -> None:
    before = asyncio.all_tasks()
    async with (
        open_redis(redis_url, namespace=namespace, publish_seconds=PUBLISH_SECONDS) as redis,
        hearing(redis.bus, "lofi"),
    ):
        pass
    assert asyncio.all_tasks() == before


async def test_a_connection_that_was_lost_is_told_once_and_that_it_hears_again(
    redis_url: str, namespace: str
) -> None:
    async with (
        proxied(redis_url) as (way, far),
        open_redis(redis_url, namespace=namespace, publish_seconds=PUBLISH_SECONDS) as near,
        open_redis(far, namespace=namespace) as redis,
        hearing(redis.bus) as hearer,
    ):
        with capture_logs() as logs:
            await way.cut()
            async with asyncio.timeout(BOUND_SECONDS):
                while not logs:  # noqa: ASYNC110  (a list tells nobody)
                    await asyncio.sleep(0.01)
            await way.restore()
            async with asyncio.timeout(BOUND_SECONDS):
                while len(logs) < 2:  # noqa: ASYNC110  (a list tells nobody)
                    await asyncio.sleep(0.01)
        await near.bus.publish(a_step(1))
        assert await hearer.next() == a_step(1)
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("live_bus_lost", "warning"),
        ("live_bus_heard_again", "info"),
    ]
