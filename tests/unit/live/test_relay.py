"""The relay: who leads, what the others hear, and what a process does when it hears nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from structlog.testing import capture_logs

from telemetra.adapters.memory import MemoryDatabase, MemoryFeed, MemoryLiveBus
from telemetra.domain.changes import ChangePage, Step, StreamSnapshot
from telemetra.domain.ports import BusSubscription, WantedStreams, every_stream
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.relay import Relay
from tests.contract.samples import a_moment, a_window

SECONDS = 10.0
LONG = 60.0
"""A silence that no test waits for."""


class Taken:
    """A `Taker` that keeps what it got, and looks whether anything is missing."""

    def __init__(self) -> None:
        self.position: Position | None = None
        self.streams: set[str] = {"lofi"}
        self.steps: list[Step] = []
        self.gaps: list[Step] = []
        self.fault: Exception | None = None
        self._changed = asyncio.Event()

    def take(self, step: Step) -> None:
        fault, self.fault = self.fault, None
        if fault:
            raise fault
        self.steps.append(step)
        if self.position is None:
            self.position = step.after
        elif not self.position.seen.includes(step.after.seen):
            if not self.position.seen.includes(step.before.seen):
                self.gaps.append(step)
            self.position = step.after
        self._changed.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    async def reaches(self, position: Position) -> None:
        await self.until(lambda: self.position is not None and self.position.seen.includes(position.seen))


class Feed:
    """A `ChangeFeed` that counts who follows it, and breaks when told to."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._feed = MemoryFeed(database)
        self.leading = 0
        self.following = 0
        self.began_after: list[Position | None] = []
        self.faults: list[Exception] = []
        self.changed = asyncio.Event()

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        raise NotImplementedError

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        raise NotImplementedError

    async def steps(self, after: Position | None = None) -> AsyncIterator[Step]:
        self._break()
        self.began_after.append(after)
        self.following += 1
        self.changed.set()
        try:
            async for step in self._feed.steps(after):
                yield step
        finally:
            self.following -= 1
            self.changed.set()

    async def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        self._break()
        try:
            async for step in self._feed.lead(start, wanted):
                self.leading = 1
                yield step
        finally:
            self.leading = 0

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not is_so():
                self.changed.clear()
                await self.changed.wait()

    def _break(self) -> None:
        if self.faults:
            raise self.faults.pop()


class Process:
    """One of the processes of a deployment."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.feed = Feed(database)
        self.taken = Taken()


@asynccontextmanager
async def a_process(
    database: MemoryDatabase,
    bus: MemoryLiveBus,
    *,
    silence_seconds: float = LONG,
    first_seconds: float = LONG,
    prepare: Callable[[Process, BusSubscription], None] = lambda _process, _subscription: None,
) -> AsyncIterator[Process]:
    process = Process(database)
    async with bus.subscribe() as subscription:
        prepare(process, subscription)
        relay = Relay(
            process.feed,
            bus,
            subscription,
            process.taken,
            silence_seconds=silence_seconds,
            first_seconds=first_seconds,
        )
        async with relay:
            yield process


def write(database: MemoryDatabase, number: int) -> Position:
    with database.begin() as transaction:
        transaction.put_moment(a_moment(f"m{number}"))
    return database.position()


async def test_a_process_alone_leads() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()
    async with a_process(database, bus) as alone:
        await alone.taken.until(lambda: alone.taken.position is not None)
        for number in range(5):
            await alone.taken.reaches(write(database, number))
        told = {change.key for step in alone.taken.steps for change in step.changes.get("lofi", ())}
        assert len(told) == 5
        assert alone.feed.leading == 1
        assert alone.feed.began_after == []


async def test_the_others_hear_it_from_the_leader_and_read_nothing() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()
    async with a_process(database, bus) as leader:
        await leader.taken.until(lambda: leader.taken.position is not None)
        async with a_process(database, bus) as one, a_process(database, bus) as two:
            for number in range(5):
                position = write(database, number)
                for process in (leader, one, two):
                    await process.taken.reaches(position)
            assert [process.feed.leading for process in (leader, one, two)] == [1, 0, 0]
            assert one.feed.began_after == two.feed.began_after == []
            assert leader.taken.gaps == one.taken.gaps == two.taken.gaps == []


async def test_a_leader_that_nobody_else_hears_reads_only_what_is_listened_to_here() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()
    async with a_process(database, bus) as leader:
        await leader.taken.until(lambda: leader.taken.position is not None)
        await writing_until(database, leader, lambda step: step.uncarried == {"other"})
        async with a_process(database, bus):
            await writing_until(database, leader, lambda step: "other" in step.changes)
        await writing_until(database, leader, lambda step: step.uncarried == {"other"})
        assert not leader.taken.gaps


async def test_a_leader_that_does_not_hear_itself_reads_all_whatever_the_bus_counts() -> None:
    class Deaf(MemoryLiveBus):
        async def publish(self, step: Step) -> int:
            return 1

    database = MemoryDatabase()
    async with a_process(database, Deaf()) as leader:
        await leader.taken.until(lambda: leader.taken.position is not None)
        for _ in range(5):
            await writing_until(database, leader, lambda step: "other" in step.changes)
        assert not any(step.uncarried for step in leader.taken.steps)


async def writing_until(database: MemoryDatabase, process: Process, is_so: Callable[[Step], bool]) -> None:
    """Write to a stream that nobody listens to, again and again, until the process takes such a step."""
    start = len(process.taken.steps)

    def written() -> bool:
        with database.begin() as transaction:
            transaction.put_window(a_window(stream_id="other", chat_count=next(_counts)))
        return any(map(is_so, process.taken.steps[start:]))

    await process.taken.until(written)


_counts = itertools.count(1)


async def test_when_the_leader_ends_another_goes_on_from_where_it_stands_itself() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()
    async with a_process(database, bus) as first:
        await first.taken.until(lambda: first.taken.position is not None)
        async with a_process(database, bus) as other:
            await other.taken.reaches(write(database, 1))
            await first.taken.reaches(database.position())
            # The bus goes just before the leader does: the other misses what the leader took last.
            with bus.unavailable():
                position = write(database, 2)
                await first.taken.reaches(position)
                first_taken = list(first.taken.steps)
            assert first_taken
            first.feed.faults = [RuntimeError("it never leads again")] * 1_000
            with database.unavailable():
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            await other.taken.reaches(write(database, 3))
            await other.taken.until(lambda: other.feed.leading == 1)
            assert other.taken.gaps == []
            await first.taken.reaches(database.position())


async def test_who_hears_nothing_stands_in_and_stands_back_when_it_hears_again() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()
    async with a_process(database, bus) as leader:
        await leader.taken.until(lambda: leader.taken.position is not None)
        async with a_process(database, bus, silence_seconds=2.0) as other:
            await other.taken.reaches(write(database, 1))
            with bus.unavailable():
                await other.feed.until(lambda: other.feed.following == 1)
                assert other.feed.began_after == [other.taken.position]
                position = write(database, 2)
                await other.taken.reaches(position)
                await leader.taken.reaches(position)
            await other.feed.until(lambda: other.feed.following == 0)
            await other.taken.reaches(write(database, 3))
            assert other.taken.gaps == []
            assert leader.feed.began_after == []


async def test_a_process_without_a_position_does_not_wait_for_a_leader() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()
    assert database.take_lead()
    async with a_process(database, bus, first_seconds=0.01) as process:
        await process.taken.until(lambda: process.taken.position is not None)
        assert process.feed.began_after == [None]
        await process.taken.reaches(write(database, 1))
        database.give_lead_up()
        await process.feed.until(lambda: process.feed.following == 0)
        await process.taken.reaches(write(database, 2))
        assert process.feed.leading == 1
        assert process.taken.gaps == []


async def test_a_bus_that_is_away_is_told_once_and_the_leader_goes_on() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()
    with capture_logs() as logs:
        async with a_process(database, bus) as leader:
            with bus.unavailable():
                for number in range(5):
                    await leader.taken.reaches(write(database, number))
            await leader.taken.reaches(write(database, 9))
            heard = len(leader.taken.steps)
            await leader.taken.until(lambda: len(leader.taken.steps) > heard + 1)
    events = [log["event"] for log in logs]
    assert events.count("live_bus_away") == 1
    assert events.count("live_bus_back") == 1
    assert events.index("live_bus_away") < events.index("live_bus_back")


async def test_whatever_breaks_is_told_and_tried_again() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()

    def break_everything(process: Process, _: BusSubscription) -> None:
        process.feed.faults = [RuntimeError("the feed"), ValueError("the feed again")]
        process.taken.fault = RuntimeError("the taker")

    with capture_logs() as logs:
        async with a_process(database, bus, prepare=break_everything) as process:
            await process.taken.reaches(write(database, 1))
            process.taken.fault = RuntimeError("the taker again")
            position = write(database, 2)
            await process.taken.until(lambda: process.taken.fault is None)
            await process.taken.reaches(position)
            assert process.taken.gaps == []
    assert sum(log["event"] == "live_relay_failed" for log in logs) >= 4


async def test_what_breaks_it_again_and_again_is_told_once() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()

    def break_the_feed(process: Process, _: BusSubscription) -> None:
        process.feed.faults = [RuntimeError("the feed") for _ in range(3)]

    with capture_logs() as logs:
        async with a_process(database, bus, prepare=break_the_feed) as process:
            await process.taken.until(lambda: process.feed.faults == [])
            await process.taken.reaches(write(database, 1))
    told = [log["part"] for log in logs if log["event"] == "live_relay_failed"]
    assert "lead" in told
    assert len(told) == len(set(told))


async def test_standing_in_is_tried_again_when_it_breaks() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()
    assert database.take_lead()
    async with a_process(database, bus, silence_seconds=0.01, first_seconds=0.01) as process:
        await process.taken.until(lambda: process.taken.position is not None)
        process.taken.fault = RuntimeError("the taker")
        position = write(database, 1)
        await process.taken.until(lambda: process.taken.fault is None)
        await process.taken.reaches(position)
        assert process.taken.gaps == []


async def test_a_closed_relay_leaves_nothing_behind() -> None:
    database, bus = MemoryDatabase(), MemoryLiveBus()
    before = asyncio.all_tasks()
    async with a_process(database, bus, silence_seconds=0.01, first_seconds=0.01) as leader:
        await leader.taken.until(lambda: leader.feed.leading == 1)
        async with a_process(database, bus, silence_seconds=0.01, first_seconds=0.01) as other:
            await other.feed.until(lambda: other.feed.following == 1)
        assert other.feed.following == 0
    assert leader.feed.leading == 0
    assert database.take_lead()
    assert asyncio.all_tasks() == before


class Restless(Feed):
    """A feed whose leader has twenty steps with nothing new, all at once, and then none."""

    async def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        async for step in self._feed.lead(start, wanted):
            for _ in range(20):
                yield Step(before=step.after, after=step.after, changes={})
            self.changed.set()
            await asyncio.Event().wait()


class Counting(MemoryLiveBus):
    """A bus that counts what is published."""

    def __init__(self) -> None:
        super().__init__()
        self.published = 0

    async def publish(self, step: Step) -> int:
        self.published += 1
        return await super().publish(step)


async def beats_published(*, others: int) -> int:
    bus, feed, taken = Counting(), Restless(MemoryDatabase()), Taken()
    async with AsyncExitStack() as stack:
        for _ in range(others):
            await stack.enter_async_context(bus.subscribe())
        subscription = await stack.enter_async_context(bus.subscribe())
        await stack.enter_async_context(Relay(feed, bus, subscription, taken))
        await feed.until(feed.changed.is_set)
        return bus.published


async def test_a_leader_says_that_it_is_there_to_those_who_hear_it_and_seldom_to_nobody() -> None:
    assert await beats_published(others=1) == 20
    assert await beats_published(others=0) < 10
