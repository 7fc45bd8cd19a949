"""The hub, its logs, and who falls behind: without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import msgspec
import pytest

from telemetra.adapters.memory import MemoryDatabase, MemoryFeed
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.channel import FallenBehind, HubClosed, Subscription
from telemetra.entrypoints.live.hub import LiveHub
from telemetra.entrypoints.live.steps import StreamStep, remainder
from tests.contract.samples import START, a_stream, a_window

SECONDS = 5.0


@pytest.fixture
def database() -> MemoryDatabase:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
    return database


@asynccontextmanager
async def _open(database: MemoryDatabase, *, log_bytes: int = 1024 * 1024) -> AsyncIterator[LiveHub]:
    async with asyncio.timeout(SECONDS), LiveHub(MemoryFeed(database), log_bytes=log_bytes) as hub:
        while hub.position is None:  # noqa: ASYNC110  (it stands after a turn or two of the loop)
            await asyncio.sleep(0)
        yield hub


async def _commit(database: MemoryDatabase, hub: LiveHub, *minutes: int) -> None:
    """Commit windows, and wait for the hub to have handed them out."""
    with database.begin() as transaction:
        for minute in minutes:
            transaction.put_window(a_window(minute))
    while hub.position != database.position():  # noqa: ASYNC110  (nothing to wait for where nobody listens)
        await asyncio.sleep(0)


async def _next(subscription: Subscription) -> StreamStep:
    step = await subscription.next(within_seconds=SECONDS)
    assert step is not None
    return step


async def test_a_step_is_encoded_once_and_shared(database: MemoryDatabase) -> None:
    async with _open(database) as hub:
        with hub.subscribe("lofi") as one, hub.subscribe("lofi") as two:
            await _commit(database, hub, 1, 2)
            assert await _next(one) is await _next(two)


async def test_frames_are_labelled_as_cuts_on_the_way_and_the_last_as_the_end(
    database: MemoryDatabase,
) -> None:
    async with _open(database) as hub:
        before = hub.position
        with hub.subscribe("lofi") as subscription:
            await _commit(database, hub, 1, 2, 3)
            step = await _next(subscription)
        assert step.frames is not None
        labels = [Position.parse(msgspec.json.decode(frame.payload)["position"]) for frame in step.frames]
        assert labels[-1] == step.after == database.position()
        assert before is not None
        for frame, label in zip(step.frames[:-1], labels[:-1], strict=True):
            assert label.seen == before.seen
            assert label.cut
            assert (label.cut.target, label.cut.after) == (step.after.seen, frame.change.key)


async def test_a_stream_costs_nothing_without_listeners(database: MemoryDatabase) -> None:
    async with _open(database) as hub:
        with hub.subscribe("lofi"), hub.subscribe("lofi"):
            assert (hub.channels, hub.listeners) == (1, 2)
        assert (hub.channels, hub.listeners) == (0, 0)
        await _commit(database, hub, 1)
        with hub.subscribe("lofi") as late:
            assert await late.next(within_seconds=0) is None


async def test_who_is_too_slow_for_the_log_falls_behind_and_can_rejoin(database: MemoryDatabase) -> None:
    async with _open(database, log_bytes=4_000) as hub:
        with hub.subscribe("lofi") as slow:
            for minute in range(20):
                await _commit(database, hub, minute)
            with pytest.raises(FallenBehind):
                await slow.next(within_seconds=0)
            slow.rejoin()
            await _commit(database, hub, 99)
            assert (await _next(slow)).after == database.position()


async def test_a_step_too_big_for_the_log_is_not_carried(database: MemoryDatabase) -> None:
    async with _open(database, log_bytes=4_000) as hub:
        with hub.subscribe("lofi") as subscription:
            await _commit(database, hub, *range(30))
            assert (await _next(subscription)).frames is None


async def test_many_streams_share_one_bound(database: MemoryDatabase) -> None:
    async with _open(database, log_bytes=4_000) as hub:
        with (
            hub.subscribe("lofi") as subscription,
            hub.subscribe("a"),
            hub.subscribe("b"),
            hub.subscribe("c"),
        ):
            await _commit(database, hub, 1, 2)
            assert (await _next(subscription)).frames is None


async def test_whoever_listens_before_the_hub_stands_reads_the_database(database: MemoryDatabase) -> None:
    hub = LiveHub(MemoryFeed(database))
    with ExitStack() as listening:
        subscription = listening.enter_context(hub.subscribe("lofi"))
        early = database.position()
        with database.begin() as transaction:
            transaction.put_window(a_window())
        async with asyncio.timeout(SECONDS), hub:
            step = await _next(subscription)
            listening.close()
    assert remainder("lofi", step, early, START) is None
    seen = remainder("lofi", step, database.position(), START)
    assert seen is not None
    assert not seen.payloads


async def test_an_idle_listener_is_as_far_as_the_hub_but_never_goes_back(database: MemoryDatabase) -> None:
    async with _open(database) as hub:
        with hub.subscribe("other") as subscription:
            start = database.position()
            await _commit(database, hub, 1)
            assert subscription.advanced(start) == hub.position == database.position()
            ahead = database.begin()
            ahead.put_window(a_window(2))
            ahead.commit()
            position = database.position()
            assert subscription.advanced(position) == position


async def test_a_listener_with_steps_to_take_has_not_come_further(database: MemoryDatabase) -> None:
    async with _open(database) as hub:
        with hub.subscribe("lofi") as subscription:
            start = database.position()
            await _commit(database, hub, 1)
            assert subscription.advanced(start) == start


async def test_a_hub_that_closes_ends_its_listeners_and_takes_no_more(database: MemoryDatabase) -> None:
    async with _open(database) as hub:
        with hub.subscribe("lofi") as subscription:
            waiting = asyncio.create_task(subscription.next(within_seconds=SECONDS))
            await asyncio.sleep(0)
            closing = asyncio.create_task(hub.close())
            with pytest.raises(HubClosed):
                await waiting
            with pytest.raises(HubClosed):
                subscription.rejoin()
        await closing
        with pytest.raises(HubClosed), hub.subscribe("lofi"):
            pass


async def test_a_closed_hub_leaves_no_task(database: MemoryDatabase) -> None:
    before = asyncio.all_tasks()
    async with _open(database):
        assert len(asyncio.all_tasks()) == len(before) + 1
    assert asyncio.all_tasks() == before
