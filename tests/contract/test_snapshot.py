"""The contract of `ChangeFeed.snapshot`."""

from __future__ import annotations

import pytest

from telemetra.domain.errors import StreamNotFound
from tests.contract.samples import a_moment, a_stream, a_window, at
from tests.contract.world import World


async def test_a_snapshot_holds_the_newest_newest_first(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream())
        for minute in (1, 3, 0, 2):
            await transaction.put_window(a_window(minute))
            await transaction.put_moment(a_moment(f"m{minute}", minute=minute))
    snapshot = await world.ports.feed.snapshot("lofi", windows=3, moments=2)
    assert snapshot.stream == a_stream()
    assert [window.window_start for window in snapshot.metrics] == [at(3), at(2), at(1)]
    assert [moment.moment_id for moment in snapshot.moments] == ["m3", "m2"]


async def test_ties_in_a_snapshot_come_as_the_readers_tell_them(world: World) -> None:
    async with world.transaction() as transaction:
        for name, length in (("é", 1), ("a", 5), ("B", 15)):
            await transaction.put_window(a_window(0, length_minutes=length))
            await transaction.put_moment(a_moment(name))
    snapshot = await world.ports.feed.snapshot("lofi", windows=10, moments=10)
    assert [window.window_end for window in snapshot.metrics] == [at(15), at(5), at(1)]
    assert [moment.moment_id for moment in snapshot.moments] == ["é", "a", "B"]


async def test_a_snapshot_of_a_stream_that_nobody_described_has_no_stream(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window())
    snapshot = await world.ports.feed.snapshot("lofi", windows=10, moments=10)
    assert snapshot.stream is None
    assert len(snapshot.metrics) == 1
    assert list(snapshot.moments) == []


async def test_a_snapshot_of_a_stream_that_has_only_a_moment_holds_it(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_moment(a_moment())
    snapshot = await world.ports.feed.snapshot("lofi", windows=10, moments=10)
    assert list(snapshot.moments) == [a_moment()]


async def test_there_is_no_snapshot_of_an_unknown_stream(world: World) -> None:
    with pytest.raises(StreamNotFound):
        await world.ports.feed.snapshot("nobody", windows=10, moments=10)


async def test_a_snapshot_holds_nothing_that_is_not_committed(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window(0))
    waiting = await world.script.begin()
    await waiting.put_window(a_window(1))
    snapshot = await world.ports.feed.snapshot("lofi", windows=10, moments=10)
    await waiting.commit()
    page = await world.ports.feed.since("lofi", snapshot.position, limit=10)
    assert [window.window_start for window in snapshot.metrics] == [at(0)]
    assert len(page.changes) == 1


async def test_nothing_that_a_snapshot_holds_is_told_again(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream())
        await transaction.put_window(a_window())
        await transaction.put_moment(a_moment())
    snapshot = await world.ports.feed.snapshot("lofi", windows=1, moments=1)
    page = await world.ports.feed.since("lofi", snapshot.position, limit=10)
    assert list(page.changes) == []
