"""The hub and its listeners, without sockets: who is written what, and how those apart come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from telemetra.adapters.memory import MemoryDatabase, MemoryFeed
from telemetra.domain.changes import ChangePage, Step, StreamSnapshot
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.hub import HubClosed, LiveHub
from telemetra.entrypoints.live.protocol import CloseCode
from tests.contract.samples import a_moment, a_stream, a_window
from tests.unit.live.clients import SECONDS, Client, step_after


class CountingFeed:
    """A `ChangeFeed` that counts its reads."""

    def __init__(self, feed: MemoryFeed) -> None:
        self._feed = feed
        self.steps, self.lead = feed.steps, feed.lead
        self.pages = 0
        self.snapshots = 0
        self.go = asyncio.Event()
        self.go.set()

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        self.snapshots += 1
        await self.go.wait()
        return await self._feed.snapshot(stream_id, windows=windows, moments=moments)

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        self.pages += 1
        await self.go.wait()
        return await self._feed.since(stream_id, position, limit=limit)


class World:
    """A database, a hub over it, and the steps between them, which a test may lose, repeat or hold."""

    def __init__(self, database: MemoryDatabase, feed: CountingFeed, hub: LiveHub) -> None:
        self.database = database
        self.feed = feed
        self.hub = hub
        self.followed: list[str] = []

    def commit(self, *minutes: int, stream_id: str = "lofi", chat_count: int | None = None) -> None:
        with self.database.begin() as transaction:
            for minute in minutes:
                count = minute if chat_count is None else chat_count
                transaction.put_window(a_window(minute, stream_id=stream_id, chat_count=count))

    async def step(self, after: Position | None = None) -> Step:
        """Read what the hub has not taken, or what comes after another position."""
        return await step_after(self.feed, after or self.hub.position)

    async def deliver(self, *minutes: int, stream_id: str = "lofi") -> Step:
        """Commit windows, and hand them to the hub."""
        self.commit(*minutes, stream_id=stream_id)
        step = await self.step()
        self.hub.take(step)
        return step

    @contextmanager
    def listening(
        self, *clients: Client, stream_id: str = "lofi", since: Position | None = None
    ) -> Iterator[None]:
        with ExitStack() as stack:
            for client in clients:
                listening = self.hub.listen(stream_id, client, since, on_end=client.ended_event.set)
                stack.enter_context(listening)
            yield

    async def abreast(self, *clients: Client) -> None:
        """Wait until they have come in."""
        for client in clients:
            await client.until(2)
        await self.settled()

    async def settled(self) -> None:
        """Wait until no listener of the hub has anything to read."""
        async with asyncio.timeout(SECONDS):
            while any(task.get_name() in {"live-catch-up", "live-reading"} for task in asyncio.all_tasks()):  # noqa: ASYNC110
                await asyncio.sleep(0)


@asynccontextmanager
async def opened(
    *, standing: bool = True, log_bytes: int = 1024 * 1024, stall_seconds: float = 60
) -> AsyncIterator[World]:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
        transaction.put_stream(a_stream("other"))
    feed = CountingFeed(MemoryFeed(database))
    followed: list[str] = []
    hub = LiveHub(
        feed,
        log_bytes=log_bytes,
        stall_seconds=stall_seconds,
        follow=lambda stream_id: followed.append(f"+{stream_id}"),
        unfollow=lambda stream_id: followed.append(f"-{stream_id}"),
    )
    async with hub:
        world = World(database, feed, hub)
        world.followed = followed
        if standing:
            hub.take(await world.step())
        yield world


async def test_those_abreast_are_written_the_same_bytes() -> None:
    one, two = Client(), Client()
    async with opened() as world:
        with world.listening(one, two):
            await world.abreast(one, two)
            await world.deliver(1, 2)
        assert one.writes[-1] is two.writes[-1]
        assert one.counts == two.counts == [1, 2]


async def test_messages_are_labelled_as_cuts_on_the_way_and_the_last_as_the_end() -> None:
    client = Client()
    async with opened() as world:
        with world.listening(client):
            await world.abreast(client)
            step = await world.deliver(1, 2, 3)
        labels = [Position.parse(message["position"]) for message in client.changes]
        assert labels[-1] == step.after == world.hub.position
        for label, change in zip(labels[:-1], step.changes["lofi"][:-1], strict=True):
            assert label.seen == step.before.seen
            assert label.cut
            assert (label.cut.target, label.cut.after) == (step.after.seen, change.key)


async def test_only_streams_with_listeners_are_followed() -> None:
    async with opened() as world:
        with world.listening(Client(), Client()):
            assert (world.hub.channels, world.hub.listeners, world.followed) == (1, 2, ["+lofi"])
        assert (world.hub.channels, world.hub.listeners, world.followed) == (0, 0, ["+lofi", "-lofi"])
        await world.deliver(1)


async def test_many_that_come_together_cost_one_reading() -> None:
    clients = [Client() for _ in range(50)]
    async with opened() as world:
        world.feed.go.clear()
        with world.listening(*clients):
            await asyncio.sleep(0)
            world.feed.go.set()
            await world.abreast(*clients)
            assert world.feed.snapshots == 1
            await world.deliver(1)
            assert all(client.counts == [1] for client in clients)


async def test_a_reading_that_others_began_misses_no_step_for_who_joins_it() -> None:
    early, late = Client(), Client()
    async with opened() as world:
        world.feed.go.clear()
        with world.listening(early):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            with world.listening(late):
                await world.deliver(1)
                world.feed.go.set()
                await world.abreast(early, late)
                await world.deliver(2)
                held = [window["chat_count"] for window in late.told[1]["metrics"]]
                assert held + late.counts == [1, 2]


async def test_who_does_not_read_is_written_no_more_and_goes_on_from_the_log() -> None:
    client = Client()
    async with opened() as world:
        with world.listening(client):
            await world.abreast(client)
            client.stop_reading()
            for minute in range(5):
                await world.deliver(minute)
            written = len(client.writes)
            client.read_again()
            await world.settled()
            assert client.counts == [0, 1, 2, 3, 4]
            # One burst was written before it was known that nobody reads it.
            assert written == 3
            assert world.feed.pages == 0
            await world.deliver(5)
            assert client.counts == [0, 1, 2, 3, 4, 5]


async def test_those_for_whom_the_log_is_too_short_read_the_database_once_for_all() -> None:
    clients = [Client() for _ in range(20)]
    async with opened(log_bytes=4_000) as world:
        with world.listening(*clients):
            await world.abreast(*clients)
            for client in clients:
                client.stop_reading()
            for minute in range(30):
                await world.deliver(minute)
            for client in clients:
                client.read_again()
            await world.settled()
            assert all(client.counts == list(range(30)) for client in clients)
            assert world.feed.pages <= 2
            await world.deliver(30)
            assert all(client.counts[-1] == 30 for client in clients)


async def test_a_client_that_reads_nothing_is_ended_as_too_slow() -> None:
    client = Client()
    async with opened(stall_seconds=0.05) as world:
        with world.listening(client):
            await world.abreast(client)
            client.stop_reading()
            await world.deliver(1)
            ending = await client.until_ended()
            assert ending.code == CloseCode.TOO_SLOW
            assert client.ended_event.is_set()
            assert world.hub.listeners == 0


async def test_a_client_that_reads_slowly_is_given_time() -> None:
    client = Client()
    async with opened(stall_seconds=0.5) as world:
        with world.listening(client):
            await world.abreast(client)
            client.stop_reading()
            await world.deliver(1)
            began = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() - began < 1.5:
                client.read_some()
                await asyncio.sleep(0.01)
            assert client.ending is None


async def test_a_step_told_twice_is_taken_once() -> None:
    client = Client()
    async with opened() as world:
        with world.listening(client):
            await world.abreast(client)
            step = await world.deliver(1)
            world.hub.take(step)
            assert client.counts == [1]


async def test_of_a_step_that_overlaps_only_the_rest_is_told() -> None:
    client = Client()
    async with opened() as world:
        start = world.hub.position
        with world.listening(client):
            await world.abreast(client)
            await world.deliver(1)
            world.commit(2)
            world.hub.take(await world.step(start))
            assert client.counts == [1, 2]
            assert client.position == world.database.position()
        assert world.feed.pages == 0


async def test_before_a_step_that_leaves_a_gap_the_database_is_read() -> None:
    client = Client()
    async with opened() as world:
        with world.listening(client):
            await world.abreast(client)
            world.commit(1)
            lost = await world.step()
            world.commit(2)
            world.hub.take(await world.step(lost.after))
            await world.settled()
            assert sorted(client.counts) == [1, 2]
            world.hub.take(lost)
            await world.deliver(3)
            assert sorted(client.counts) == [1, 2, 3]


async def test_a_step_of_one_who_was_behind_changes_nothing() -> None:
    client = Client()
    async with opened() as world:
        with world.listening(client):
            await world.abreast(client)
            slow = world.database.begin()
            slow.put_window(a_window(7, chat_count=7))
            stale = await world.deliver(1)
            slow.commit()
            world.hub.take(await world.step())
            here = world.hub.position
            world.hub.take(replace(stale, before=stale.after))
            assert world.hub.position == here
            assert client.counts == [1, 7]


async def test_a_stream_whose_part_did_not_come_is_read_and_others_are_not() -> None:
    client, other = Client(), Client()
    async with opened() as world:
        with world.listening(client), world.listening(other, stream_id="other"):
            await world.abreast(client, other)
            world.commit(1)
            world.commit(2, stream_id="other")
            step = await world.step()
            part = {"other": step.changes["other"]}
            world.hub.take(replace(step, changes=part, uncarried=frozenset({"lofi"})))
            await world.settled()
            assert (client.counts, other.counts) == ([1], [2])
            assert world.feed.pages == 1


async def test_whoever_listens_before_the_hub_stands_misses_nothing() -> None:
    client = Client()
    async with opened(standing=False) as world:
        with world.listening(client):
            await world.abreast(client)
            world.commit(1)
            world.hub.take(await world.step())
            await world.settled()
            assert client.counts == [1]
            await world.deliver(2)
            assert client.counts == [1, 2]


async def test_a_hub_that_closes_ends_its_listeners_and_takes_no_more() -> None:
    client = Client()
    async with opened() as world:
        with world.listening(client):
            await world.abreast(client)
            closing = asyncio.create_task(world.hub.close())
            ending = await client.until_ended()
        await closing
        assert ending.code == CloseCode.RESTART
        assert "reconnect_after_ms" in ending.reason
        with pytest.raises(HubClosed), world.listening(Client()):
            pass


async def test_a_fault_in_one_outlet_ends_that_listener_alone() -> None:
    good, bad = Client(), Client()
    with capture_logs() as logs:
        async with opened() as world:
            with world.listening(good, bad):
                await world.abreast(good, bad)
                bad.broken = True
                await world.deliver(1)
                assert good.counts == [1]
                assert (await bad.until_ended()).code == CloseCode.INTERNAL
                assert world.hub.listeners == 1
    assert [line["event"] for line in logs] == ["live_listener_failed"]


async def test_what_cannot_be_encoded_ends_the_listeners_of_its_stream_alone() -> None:
    client, other = Client(), Client()
    with capture_logs() as logs:
        async with opened() as world:
            with world.listening(client), world.listening(other, stream_id="other"):
                await world.abreast(client, other)
                with world.database.begin() as transaction:
                    transaction.put_moment(a_moment(metadata={"text": "\ud800"}))
                    transaction.put_window(a_window(1, stream_id="other", chat_count=1))
                world.hub.take(await world.step())
                assert (await client.until_ended()).code == CloseCode.INTERNAL
                assert other.counts == [1]
                await world.deliver(2, stream_id="other")
                assert other.counts == [1, 2]
    assert {line["event"] for line in logs} == {"live_step_unencodable", "live_listener_failed"}


async def test_a_client_that_goes_while_it_is_being_read_for_leaves_nothing() -> None:
    client = Client()
    before = asyncio.all_tasks()
    async with opened() as world:
        world.feed.go.clear()
        with world.listening(client):
            await asyncio.sleep(0)
            client.go()
            assert world.hub.listeners == 0
            assert client.ended_event.is_set()
    assert asyncio.all_tasks() <= before
    assert client.told == []
