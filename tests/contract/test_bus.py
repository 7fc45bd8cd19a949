"""The contract of `LiveBus` and `BusSubscription`: it may lose steps, and never tells anything wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from telemetra.domain.changes import Change, ChangeKind, Removal, RemovedWindow, Step
from telemetra.domain.errors import BusUnavailable
from telemetra.domain.moments import Moment
from telemetra.domain.ports import BusSubscription, LiveBus
from telemetra.domain.positions import ChangeKey, Cut, Position, Snapshot
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow
from tests.contract.buses import BUSES, BusWorld
from tests.contract.samples import a_moment, a_stream, a_window, at
from tests.contract.test_streams import AWKWARD_IDS
from tests.contract.world import BOUND_SECONDS

EPOCH = b"an epoch"


@pytest.fixture(params=BUSES)
def bus_world(request: pytest.FixtureRequest) -> BusWorld:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, BusWorld)
    return found


@pytest.fixture
def bus(bus_world: BusWorld) -> LiveBus:
    return bus_world.bus


def at_revision(revision: int) -> Position:
    return Position(EPOCH, Snapshot(revision))


def a_step(number: int, changes: Mapping[str, Sequence[Change]] | None = None, **other: object) -> Step:
    return Step(
        before=at_revision(number),
        after=at_revision(number + 1),
        changes=changes or {},
        **other,  # type: ignore[arg-type]
    )


def a_change(
    data: Stream | MetricWindow | Moment | Removal, kind: ChangeKind, *, revision: int = 7, key: str = "k"
) -> Change:
    return Change(key=ChangeKey(revision, kind, key), data=data)


def a_moment_change(moment_id: str = "m1", *, revision: int = 7) -> Change:
    return a_change(a_moment(moment_id), ChangeKind.MOMENT, revision=revision, key=moment_id)


class Hearer:
    """Hears a subscription's steps, with a bound on the wait for each."""

    def __init__(self, bus: LiveBus, subscription: BusSubscription) -> None:
        self.subscription = subscription
        self._bus = bus
        self._steps: asyncio.Queue[Step] = asyncio.Queue()
        self._hearing = asyncio.create_task(self._hear())

    async def next(self) -> Step:
        """Return the next step that is not one of those of `ready`."""
        async with asyncio.timeout(BOUND_SECONDS):
            while True:
                step = await self._steps.get()
                if step.after.epoch == EPOCH:
                    return step

    async def ready(self) -> None:
        """Publish until something is heard: from then on, everything is."""
        epoch = f"{id(self):x}"[-8:].encode()
        knock = Position(epoch, Snapshot(1))
        async with asyncio.timeout(BOUND_SECONDS):
            while True:
                await self._bus.publish(Step(before=knock, after=knock, changes={}))
                try:
                    async with asyncio.timeout(0.05):
                        while (await self._steps.get()).after != knock:
                            pass
                        return
                except TimeoutError:
                    continue

    async def follows(self, stream_id: str) -> None:
        """Follow a stream, and publish until its changes come."""
        self.subscription.follow(stream_id)
        position = Position(b"knocking", Snapshot(1))
        knock = Step(before=position, after=position, changes={stream_id: [a_moment_change()]})
        async with asyncio.timeout(BOUND_SECONDS):
            while True:
                await self._bus.publish(knock)
                step = await self._steps.get()
                while step.after != position:
                    step = await self._steps.get()
                if stream_id in step.changes:
                    return

    async def stop(self) -> None:
        self._hearing.cancel()
        await asyncio.wait({self._hearing})

    async def _hear(self) -> None:
        async for step in self.subscription.steps():
            # Which kind of sequence it is makes no difference.
            self._steps.put_nowait(replace(step, everywhere=tuple(step.everywhere)))


@asynccontextmanager
async def hearing(bus: LiveBus, *stream_ids: str) -> AsyncIterator[Hearer]:
    """Hear the bus from now on, with the changes of these streams."""
    async with bus.subscribe() as subscription:
        hearer = Hearer(bus, subscription)
        try:
            await hearer.ready()
            for stream_id in stream_ids:
                await hearer.follows(stream_id)
            yield hearer
        finally:
            await hearer.stop()


async def test_every_subscription_hears_every_step_in_order(bus: LiveBus) -> None:
    async with hearing(bus) as one, hearing(bus) as two:
        for number in range(50):
            await bus.publish(a_step(number))
        for hearer in (one, two):
            heard = [await hearer.next() for _ in range(50)]
            assert heard == [a_step(number) for number in range(50)]


async def test_a_publisher_learns_how_many_hear_it(bus: LiveBus) -> None:
    async with hearing(bus), hearing(bus):
        assert await bus.publish(a_step(1)) == 2


async def test_the_changes_of_followed_streams_come_and_no_others(bus: LiveBus) -> None:
    step = a_step(1, {"lofi": [a_moment_change()], "other": [a_moment_change("m2")]})
    async with hearing(bus, "lofi") as one, hearing(bus) as two:
        await bus.publish(step)
        heard = await one.next()
        assert heard.changes == {"lofi": [a_moment_change()]}
        assert heard.uncarried == frozenset()
        heard = await two.next()
        assert heard.changes == {}
        assert heard.uncarried == frozenset()


async def test_every_kind_of_change_arrives_as_it_is(bus: LiveBus) -> None:
    window = MetricWindow(id=3, **{name: getattr(a_window(), name) for name in type(a_window()).__slots__})
    nothing: dict[str, Any] = dict.fromkeys(
        ("description", "metric_name", "threshold", "z_score", "metadata")
    )
    changes = [
        a_change(Removal(stream=True), ChangeKind.REMOVAL, key="1"),
        a_change(Removal(moment_id="m0"), ChangeKind.REMOVAL, key="2"),
        a_change(
            Removal(window=RemovedWindow(window_start=at(0), window_end=at(1))), ChangeKind.REMOVAL, key="3"
        ),
        a_change(a_stream(title=None), ChangeKind.STREAM),
        a_change(window, ChangeKind.WINDOW),
        a_change(a_moment(), ChangeKind.MOMENT, key="1"),
        a_change(a_moment(metric_value=None, **nothing), ChangeKind.MOMENT, key="2"),
        a_change(a_stream(), ChangeKind.STREAM, revision=8),
    ]
    async with hearing(bus, "lofi") as hearer:
        await bus.publish(a_step(1, {"lofi": changes}))
        assert list((await hearer.next()).changes["lofi"]) == changes


@pytest.mark.parametrize(
    "instant",
    [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), at(0.000_25)],
)
async def test_instants_arrive_as_they_are(bus: LiveBus, instant: datetime) -> None:
    stream = Stream(stream_id="lofi", title="x", created_at=instant, updated_at=instant)
    async with hearing(bus, "lofi") as hearer:
        await bus.publish(a_step(1, {"lofi": [a_change(stream, ChangeKind.STREAM)]}))
        (change,) = (await hearer.next()).changes["lofi"]
    assert change.data == stream


async def test_all_else_of_a_step_comes_as_it_was_published(bus: LiveBus) -> None:
    everywhere = tuple(
        a_change(Removal(all=True), ChangeKind.REMOVAL, key=str(number)) for number in range(2)
    )
    cut = Cut(Snapshot(2**63, (5, 9)), ChangeKey(5, 3, "ключ"))
    steps = [
        a_step(1, everywhere=everywhere),
        a_step(2, carried=False),
        Step(before=at_revision(3), after=at_revision(3), changes={}),
        Step(
            before=Position(EPOCH, Snapshot(4)),
            after=Position(EPOCH, Snapshot(2**64 - 1, (1, 2**40))),
            changes={},
        ),
        Step(before=Position(EPOCH, Snapshot(4), cut), after=at_revision(9), changes={}),
    ]
    async with hearing(bus) as hearer:
        for step in steps:
            await bus.publish(step)
        assert [await hearer.next() for _ in steps] == steps


async def test_a_followed_stream_whose_changes_did_not_arrive_is_named(bus: LiveBus) -> None:
    async with bus.subscribe() as subscription:
        steps = subscription.steps()
        hearing_first = asyncio.ensure_future(anext(steps))
        number = 0
        async with asyncio.timeout(BOUND_SECONDS):
            while not hearing_first.done():
                number += 1
                await bus.publish(a_step(number))
                await asyncio.wait({hearing_first}, timeout=0.02)
            # These are on their way when the stream is followed: what would have come with them has not.
            await bus.publish(a_step(1_000, {"lofi": [a_moment_change()], "other": [a_moment_change()]}))
            await bus.publish(a_step(1_001, {"other": [a_moment_change()]}))
            subscription.follow("lofi")
            step = await anext(steps)
            while step.before != at_revision(1_000):
                assert step.uncarried == frozenset()
                step = await anext(steps)
            assert step.uncarried == {"lofi"}
            assert step.changes == {}
            step = await anext(steps)
            assert step.uncarried == frozenset()
        await steps.aclose()  # type: ignore[attr-defined]


async def test_what_the_publisher_does_not_carry_is_named_to_those_who_follow_it(bus: LiveBus) -> None:
    async with hearing(bus, "lofi") as one, hearing(bus) as two:
        await bus.publish(a_step(1, uncarried=frozenset({"lofi", "other"})))
        assert (await one.next()).uncarried == {"lofi"}
        assert (await two.next()).uncarried == frozenset()


async def test_a_large_step_is_carried_or_named(bus: LiveBus) -> None:
    text = "x" * 300_000
    changes = [
        a_change(a_moment(f"m{number}", description=text), ChangeKind.MOMENT, key=f"m{number}")
        for number in range(5)
    ]
    async with hearing(bus, "lofi", "small") as hearer:
        await bus.publish(a_step(1, {"lofi": changes, "small": [a_moment_change()]}))
        step = await hearer.next()
        assert step.changes["small"] == [a_moment_change()]
        assert ("lofi" in step.changes) != ("lofi" in step.uncarried)
        assert step.changes.get("lofi", changes) == changes


async def test_following_twice_is_following_once(bus: LiveBus) -> None:
    async with hearing(bus, "lofi", "lofi", "end") as hearer:
        hearer.subscription.unfollow("lofi")
        hearer.subscription.unfollow("lofi")
        hearer.subscription.unfollow("never followed")
        await bus.publish(a_step(1, {"lofi": [a_moment_change()], "end": [a_moment_change()]}))
        step = await hearer.next()
        assert set(step.changes) == {"end"}
        assert step.uncarried == frozenset()


async def test_a_stream_that_is_followed_again_comes_again(bus: LiveBus) -> None:
    async with hearing(bus, "lofi") as hearer:
        for number in range(1, 6):
            hearer.subscription.unfollow("lofi")
            await hearer.follows("lofi")
            await bus.publish(a_step(number, {"lofi": [a_moment_change()]}))
            assert set((await hearer.next()).changes) == {"lofi"}


async def test_subscriptions_follow_for_themselves(bus: LiveBus) -> None:
    async with hearing(bus, "lofi") as one, hearing(bus, "lofi") as two:
        two.subscription.unfollow("lofi")
        await bus.publish(a_step(1, {"lofi": [a_moment_change()]}))
        assert set((await one.next()).changes) == {"lofi"}
        assert set((await two.next()).changes) == set()


async def test_many_streams_can_be_followed(bus: LiveBus) -> None:
    stream_ids = [f"s{number}" for number in range(2_000)]
    async with hearing(bus) as hearer:
        for stream_id in stream_ids:
            hearer.subscription.follow(stream_id)
        await hearer.follows("the last one")
        await bus.publish(a_step(1, {stream_id: [a_moment_change()] for stream_id in stream_ids[::10]}))
        assert set((await hearer.next()).changes) == set(stream_ids[::10])


@pytest.mark.parametrize("stream_id", AWKWARD_IDS)
async def test_any_text_is_an_id(bus: LiveBus, stream_id: str) -> None:
    async with hearing(bus, stream_id) as hearer:
        await bus.publish(a_step(1, {stream_id: [a_moment_change()], stream_id + "x": [a_moment_change()]}))
        assert (await hearer.next()).changes == {stream_id: [a_moment_change()]}


async def test_a_bus_that_is_away_is_said_to_be_away(bus_world: BusWorld) -> None:
    await bus_world.bus.publish(a_step(1))
    async with bus_world.away():
        with pytest.raises(BusUnavailable):
            await asyncio.wait_for(bus_world.bus.publish(a_step(2)), BOUND_SECONDS)


async def test_when_the_bus_is_back_so_are_steps_and_what_was_followed(bus_world: BusWorld) -> None:
    async with hearing(bus_world.bus, "lofi") as hearer:
        for number in range(2):
            async with bus_world.away():
                hearer.subscription.follow(f"meanwhile {number}")
            async with asyncio.timeout(BOUND_SECONDS):
                await publish_when_back(bus_world.bus)
            await hearer.ready()
            await hearer.follows("lofi")
            await hearer.follows(f"meanwhile {number}")
            await bus_world.bus.publish(a_step(number, {"lofi": [a_moment_change()]}))
            while (step := await hearer.next()).before != at_revision(number):
                pass
            assert set(step.changes) == {"lofi"}


async def test_a_subscription_can_begin_while_the_bus_is_away(bus_world: BusWorld) -> None:
    async with bus_world.bus.subscribe() as subscription:
        async with bus_world.away():
            subscription.follow("lofi")
            hearer = Hearer(bus_world.bus, subscription)
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                await publish_when_back(bus_world.bus)
            await hearer.ready()
            await hearer.follows("lofi")
        finally:
            await hearer.stop()


async def publish_when_back(bus: LiveBus) -> None:
    while True:
        try:
            await bus.publish(a_step(0))
        except BusUnavailable:
            await asyncio.sleep(0.05)
        else:
            return
