"""Nothing lost and nothing doubled: at the seam between reading and listening, and through reconnects."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest

from telemetra.adapters.memory import MemoryDatabase, MemoryFeed, MemoryTransaction
from telemetra.domain.changes import Step
from telemetra.domain.positions import EPOCH_BYTES, Position, Snapshot
from tests.api.live_feeds import GatedFeed
from tests.api.live_server import Listener, LiveServer, Serve
from tests.contract.samples import a_moment, a_stream, a_window, at

Told = tuple[str, str]
"""A message's type and data: what tells one change from another."""


@pytest.fixture
def database() -> MemoryDatabase:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
    return database


def _put(database: MemoryDatabase, *minutes: int) -> None:
    with database.begin() as transaction:
        for minute in minutes:
            transaction.put_window(a_window(minute))


def _minutes(messages: Iterable[dict[str, Any]]) -> list[int]:
    starts = (message["data"]["window_start"] for message in messages)
    return [int(start[14:16]) for start in starts]


def _told(message: dict[str, Any]) -> Told:
    return message["type"], msgspec.json.encode(message["data"]).decode()


def _is_last(message: dict[str, Any]) -> bool:
    return bool(message["type"] == "stream" and message["data"]["title"] == "the end")


def _finish(database: MemoryDatabase) -> None:
    with database.begin() as transaction:
        transaction.put_stream(a_stream(title="the end"))


async def _resumed(listener: Listener, *, since: str) -> None:
    connected = await listener.next()
    assert (connected["type"], connected["resumed"], connected["position"]) == ("connected", True, since)


async def test_a_commit_between_subscribing_and_reading_comes_once(
    serve: Serve, database: MemoryDatabase
) -> None:
    feed = GatedFeed(database)
    async with serve(database, feed=feed) as server:
        feed.reads_go.clear()
        async with server.listen() as listener:
            await feed.reading.wait()
            _put(database, 1)
            _put(database, 2)
            feed.reads_go.set()
            _, snapshot = await listener.take(2)
            assert _minutes({"data": window} for window in snapshot["metrics"]) == [2, 1]
            _put(database, 3)
            assert _minutes([await listener.next()]) == [3]


async def test_a_transaction_open_at_the_snapshot_comes_when_it_commits(
    serve: Serve, database: MemoryDatabase
) -> None:
    slow = database.begin()
    slow.put_window(a_window(1))
    async with serve(database) as server:
        _put(database, 2)
        async with server.listen() as listener:
            _, snapshot = await listener.take(2)
            assert len(snapshot["metrics"]) == 1
            _put(database, 3)
            slow.commit()
            assert sorted(_minutes(await listener.take(2))) == [1, 3]


async def test_of_a_step_half_seen_only_the_rest_comes_under_labels_of_its_own(
    serve: Serve,
    database: MemoryDatabase,
) -> None:
    with database.begin() as transaction:
        transaction.put_stream(a_stream("other"))
    feed = GatedFeed(database)
    async with serve(database, feed=feed) as server, server.listen("other") as other:
        await other.take(2)
        slow = database.begin()
        for minute in (3, 4):
            slow.put_window(a_window(minute))
        await _hold_steps(database, feed, other)
        _put(database, 1, 2)
        async with server.listen() as listener:
            _, snapshot = await listener.take(2)
            assert len(snapshot["metrics"]) == 2
            slow.commit()
            feed.steps_go.set()
            rest = await listener.take(2)
            assert _minutes(rest) == [3, 4]
            _put(database, 5)
            assert _minutes([await listener.next()]) == [5]
        # Their keys are lower than those that the snapshot held: a shared label would bring those again here.
        async with server.listen(since=rest[0]["position"]) as again:
            await _resumed(again, since=rest[0]["position"])
            assert _minutes(await again.take(2)) == [4, 5]


async def test_a_step_that_the_snapshot_includes_is_not_told_again(
    serve: Serve, database: MemoryDatabase
) -> None:
    with database.begin() as transaction:
        transaction.put_stream(a_stream("other"))
    feed = GatedFeed(database)
    async with serve(database, feed=feed) as server, server.listen("other") as other:
        await other.take(2)
        await _hold_steps(database, feed, other)
        _put(database, 1)
        async with server.listen() as listener:
            await listener.take(2)
            feed.steps_go.set()
            _put(database, 2)
            assert _minutes([await listener.next()]) == [2]


async def test_resuming_from_the_snapshots_position_misses_nothing(
    serve: Serve, database: MemoryDatabase
) -> None:
    async with serve(database) as server:
        async with server.listen() as listener:
            _, snapshot = await listener.take(2)
        _put(database, 1, 2, 3)
        async with server.listen(since=snapshot["position"]) as again:
            await _resumed(again, since=snapshot["position"])
            assert _minutes(await again.take(3)) == [1, 2, 3]
            _put(database, 4)
            assert _minutes([await again.next()]) == [4]


async def test_resuming_after_a_heartbeat_misses_nothing(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database, live_heartbeat=0.05) as server:
        async with server.listen() as listener:
            *_, beat = await listener.until(lambda message: message["type"] == "heartbeat")
        _put(database, 1)
        async with server.listen(since=beat["position"]) as again:
            await _resumed(again, since=beat["position"])
            assert _minutes([await again.next()]) == [1]


async def test_more_than_a_page_that_was_missed_comes_whole_and_in_order(
    serve: Serve, database: MemoryDatabase
) -> None:
    since = str(database.position())
    for hour in range(15):
        with database.begin() as transaction:
            for minute in range(60):
                transaction.put_window(a_window(60 * hour + minute))
    _finish(database)
    async with serve(database) as server, server.listen(since=since) as listener:
        await _resumed(listener, since=since)
        messages = await listener.until(_is_last)
    assert [message["data"]["id"] for message in messages[:-1]] == list(range(1, 901))


@pytest.mark.parametrize(
    "since",
    [
        "nonsense",
        "",
        "A" * 5000,
        str(Position(b"another!"[:EPOCH_BYTES], Snapshot(1))),
        "%F0%28%8C%28",
    ],
    ids=["unreadable", "empty", "huge", "another epoch", "bad UTF-8"],
)
async def test_a_position_that_is_not_understood_gets_a_snapshot(
    serve: Serve, database: MemoryDatabase, since: str
) -> None:
    async with serve(database) as server, server.listen(since=since) as listener:
        connected, snapshot = await listener.take(2)
    assert connected["resumed"] is False
    assert snapshot["type"] == "snapshot"


async def test_a_position_older_than_the_removals_kept_gets_a_snapshot(
    serve: Serve, database: MemoryDatabase
) -> None:
    _put(database, 1)
    since = str(database.position())
    with database.begin() as transaction:
        transaction.remove_window("lofi", at(1), at(2))
    database.forget_removals()
    async with serve(database) as server, server.listen(since=since) as listener:
        connected, snapshot = await listener.take(2)
    assert (connected["resumed"], snapshot["metrics"]) == (False, [])


async def test_changes_too_many_to_carry_are_read_from_the_database(
    serve: Serve, database: MemoryDatabase
) -> None:
    feed = GatedFeed(database)
    feed.change_step = _touch_only
    async with serve(database, feed=feed) as server, server.listen() as listener:
        await listener.take(2)
        for minute in range(0, 30, 3):
            _put(database, minute, minute + 1, minute + 2)
            assert _minutes(await listener.take(3)) == [minute, minute + 1, minute + 2]


async def test_a_catch_up_waits_for_a_database_that_is_away(serve: Serve, database: MemoryDatabase) -> None:
    feed = GatedFeed(database)
    feed.change_step = _touch_only
    async with serve(database, feed=feed) as server, server.listen() as listener:
        await listener.take(2)
        feed.refused_reads = 2
        _put(database, 1)
        assert _minutes([await listener.next()]) == [1]
    assert feed.refused_reads == 0


async def test_a_feed_that_breaks_costs_no_update(serve: Serve, database: MemoryDatabase) -> None:
    feed = GatedFeed(database)
    async with serve(database, feed=feed) as server, server.listen() as listener:
        await listener.take(2)
        feed.change_step = _break_once(feed)
        _put(database, 1)
        _put(database, 2)
        assert _minutes(await listener.take(2)) == [1, 2]
        _put(database, 3)
        assert _minutes([await listener.next()]) == [3]


@pytest.mark.parametrize("seed", range(4))
async def test_resuming_from_any_message_gives_exactly_the_rest(
    serve: Serve, database: MemoryDatabase, seed: int
) -> None:
    """The oracle: of all rows in their newest form, those that the prefix has not told."""
    async with serve(database) as server:
        start = str(database.position())
        async with server.listen(since=start) as listener:
            await _resumed(listener, since=start)
            await _write_at_random(database, _dice(seed))
            messages = await listener.until(_is_last)
        page = await MemoryFeed(database).since("lofi", Position.parse(start), limit=10_000)
        newest = Counter(_told_of(change.data) for change in page.changes)
        for cut, message in enumerate(messages[:-1]):
            expected = newest - Counter(_told(told) for told in messages[: cut + 1])
            async with server.listen(since=message["position"]) as again:
                await _resumed(again, since=message["position"])
                rest = await again.take(expected.total())
            assert Counter(map(_told, rest)) == expected


@pytest.mark.parametrize("seed", range(4))
async def test_a_listener_that_is_cut_off_again_and_again_gets_everything_once(
    serve: Serve, database: MemoryDatabase, seed: int
) -> None:
    dice = _dice(1000 + seed)
    start = since = str(database.position())
    told: list[dict[str, Any]] = []
    async with serve(database) as server:
        writing = asyncio.create_task(
            _write_at_random(database, _dice(seed), transactions=60, pause_seconds=0.01)
        )
        while not told or not _is_last(told[-1]):
            messages = await _session(server, since, dice.randint(1, 6))
            told += messages
            since = messages[-1]["position"]
        await writing
    counts = Counter(map(_told, told))
    assert set(counts.values()) == {1}
    page = await MemoryFeed(database).since("lofi", Position.parse(start), limit=10_000)
    assert {_told_of(change.data) for change in page.changes} <= set(counts)


async def _session(server: LiveServer, since: str, length: int) -> list[dict[str, Any]]:
    async with server.listen(since=since) as listener:
        await _resumed(listener, since=since)
        messages = [await listener.next()]
        while len(messages) < length and not _is_last(messages[-1]):
            messages.append(await listener.next())
        listener.cut()
    return messages


async def _write_at_random(
    database: MemoryDatabase, dice: Random, *, transactions: int = 30, pause_seconds: float = 0.002
) -> None:
    """Write in transactions that overlap and end out of order: new rows, rewrites, removals, rollbacks."""
    running: list[MemoryTransaction] = []
    windows = 0
    removable: list[int] = []
    for number in range(transactions):
        transaction = database.begin()
        for _ in range(dice.randint(1, 5)):
            windows += 1
            transaction.put_window(a_window(windows, chat_count=number))
            if dice.random() < 0.3:
                transaction.put_moment(a_moment(f"m{dice.randint(0, 9)}", metric_value=float(number)))
            if dice.random() < 0.3:
                transaction.put_window(a_window(dice.randint(-20, -1), chat_count=number))
        if removable and dice.random() < 0.3:
            minute = removable.pop(dice.randrange(len(removable)))
            transaction.remove_window("lofi", at(minute), at(minute + 1))
        running.append(transaction)
        while len(running) > dice.randint(0, 4):
            ending = running.pop(dice.randrange(len(running)))
            if dice.random() < 0.15:
                ending.rollback()
            else:
                ending.commit()
        removable = _present(database)
        await asyncio.sleep(0 if dice.random() < 0.5 else pause_seconds)
    for transaction in running:
        transaction.commit()
    _finish(database)


def _dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311  (a test that can be repeated)


def _present(database: MemoryDatabase) -> list[int]:
    """Return the minutes of windows that are written once, so that one that was removed stays so."""
    with database.open() as tables:
        starts = [start for _, start, _ in tables.windows]
    minutes = [int((start - at(0)).total_seconds() // 60) for start in starts]
    return sorted(minute for minute in minutes if minute >= 0)


def _told_of(data: Any) -> Told:
    kind = {"Stream": "stream", "MetricWindow": "metrics", "Moment": "moment", "Removal": "removed"}
    parsed = msgspec.json.decode(msgspec.json.encode(data))
    return kind[type(data).__name__], msgspec.json.encode(parsed).decode()


def _touch_only(step: Step) -> Step:
    return replace(step, changes={}, carried=not step.changes)


def _break_once(feed: GatedFeed) -> Any:
    def change(step: Step) -> Step:
        feed.change_step = lambda step: step
        raise RuntimeError("The feed is broken.")

    return change


async def _hold_steps(database: MemoryDatabase, feed: GatedFeed, other: Listener) -> None:
    """Hold the feed's steps: the one that it waits for goes out first, on a stream that no test looks at."""
    feed.steps_go.clear()
    with database.begin() as transaction:
        transaction.put_window(a_window(stream_id="other"))
    await other.next()
