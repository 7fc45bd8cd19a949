"""The lean queue and event do what asyncio's do."""

from __future__ import annotations

import asyncio

import pytest

from telemetra.entrypoints.live.lean import LeanEvent, LeanQueue
from tests.unit.live.clients import SECONDS


@pytest.fixture(params=[LeanQueue, asyncio.Queue])
def queue(request: pytest.FixtureRequest) -> LeanQueue[int]:
    made: LeanQueue[int] = request.param()
    return made


@pytest.fixture(params=[LeanEvent, asyncio.Event])
def event(request: pytest.FixtureRequest) -> LeanEvent:
    made: LeanEvent = request.param()
    return made


async def test_items_come_in_order(queue: LeanQueue[int]) -> None:
    assert queue.empty()
    for number in range(3):
        queue.put_nowait(number)
    assert not queue.empty()
    assert [await queue.get() for _ in range(3)] == [0, 1, 2]
    assert queue.empty()


async def test_a_consumer_waits_for_the_next_item(queue: LeanQueue[int]) -> None:
    getting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.put_nowait(1)
    queue.put_nowait(2)
    async with asyncio.timeout(SECONDS):
        assert await getting == 1
        assert await queue.get() == 2


async def test_a_consumer_that_gives_up_takes_nothing(queue: LeanQueue[int]) -> None:
    getting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    getting.cancel()
    queue.put_nowait(1)
    await asyncio.wait({getting})
    assert getting.cancelled()
    async with asyncio.timeout(SECONDS):
        assert await queue.get() == 1


async def test_an_event_lets_all_go_on_and_those_who_come_later(event: LeanEvent) -> None:
    waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not event.is_set()
    event.set()
    event.clear()
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*waiting)
    late = asyncio.create_task(event.wait())
    await asyncio.sleep(0)
    assert not late.done()
    event.set()
    async with asyncio.timeout(SECONDS):
        await late
        await event.wait()


async def test_a_waiter_that_gives_up_disturbs_nobody(event: LeanEvent) -> None:
    one, other = asyncio.create_task(event.wait()), asyncio.create_task(event.wait())
    await asyncio.sleep(0)
    one.cancel()
    event.set()
    async with asyncio.timeout(SECONDS):
        await other
    await asyncio.wait({one})
    assert one.cancelled()
