"""The contract of `StreamWriter`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from telemetra.domain.changes import Change
from telemetra.domain.positions import Position
from telemetra.domain.streams import Stream
from tests.contract.listener import position_now, stored
from tests.contract.samples import START, a_moment, a_stream, a_window, at, without_id
from tests.contract.world import World


async def changes_since(world: World, position: Position) -> list[Change]:
    return list((await world.ports.feed.since("lofi", position, limit=100)).changes)


async def described(world: World) -> Stream:
    return (await world.ports.streams.get("lofi")).value


async def test_everything_that_is_written_is_stored(world: World) -> None:
    await world.writer.write(a_stream(), [a_window(0), a_window(1)], [a_moment("m1"), a_moment("m2")])
    there = await stored(world, "lofi")
    assert there.stream == a_stream()
    assert [without_id(window) for window in there.metrics] == [a_window(1), a_window(0)]
    assert list(there.moments) == [a_moment("m2"), a_moment("m1")]


async def test_a_stream_can_be_written_alone(world: World) -> None:
    await world.writer.write(a_stream(), [], [])
    assert await described(world) == a_stream()


async def test_all_of_it_becomes_visible_by_one_transaction(world: World) -> None:
    begin = await position_now(world)
    await world.writer.write(a_stream(), [a_window(minute) for minute in range(5)], [a_moment()])
    changes = await changes_since(world, begin)
    assert len(changes) == 7
    assert len({change.revision for change in changes}) == 1


async def test_when_a_part_is_refused_nothing_is_stored(world: World) -> None:
    backwards = replace(a_window(1), window_end=at(0))
    writing = world.writer.write(a_stream(), [a_window(0), backwards], [a_moment()])
    (refusal,) = await asyncio.gather(writing, return_exceptions=True)
    # Which error it is belongs to the adapter; that nothing stays belongs to the contract.
    assert isinstance(refusal, Exception)
    there = await stored(world, "lofi")
    assert (there.stream, list(there.metrics), list(there.moments)) == (None, [], [])


async def test_a_title_is_replaced(world: World) -> None:
    await world.writer.write(a_stream(title="Old"), [], [])
    await world.writer.write(a_stream(title="New", minute=1), [], [])
    assert await described(world) == a_stream(title="New", minute=1)


async def test_without_a_title_the_old_one_stays(world: World) -> None:
    await world.writer.write(a_stream(title="Kept"), [], [])
    await world.writer.write(a_stream(title=None, minute=1), [], [])
    assert await described(world) == a_stream(title="Kept", minute=1)


async def test_a_stream_that_nobody_gave_a_title_has_none(world: World) -> None:
    await world.writer.write(a_stream(title=None), [], [])
    assert await described(world) == a_stream(title=None)


async def test_created_at_stays(world: World) -> None:
    await world.writer.write(a_stream(), [], [])
    await world.writer.write(replace(a_stream(minute=5), created_at=at(-60)), [], [])
    await world.writer.write(replace(a_stream(minute=6), created_at=at(3)), [], [])
    assert (await described(world)).created_at == START


async def test_updated_at_never_goes_back(world: World) -> None:
    await world.writer.write(a_stream(minute=5), [], [])
    await world.writer.write(a_stream(title="Late news", minute=1), [], [])
    assert await described(world) == a_stream(title="Late news", minute=5)


async def test_a_window_replaces_the_one_with_its_key_and_keeps_its_id(world: World) -> None:
    await world.writer.write(a_stream(), [a_window(0, chat_count=1), a_window(0, length_minutes=5)], [])
    before = (await stored(world, "lofi")).metrics
    await world.writer.write(a_stream(), [a_window(0, chat_count=2)], [])
    after = (await stored(world, "lofi")).metrics
    assert [window.id for window in after] == [window.id for window in before]
    assert [window.chat_count for window in after] == [10, 2]


async def test_a_moment_replaces_the_one_with_its_id(world: World) -> None:
    await world.writer.write(a_stream(), [], [a_moment(metric_value=1)])
    await world.writer.write(a_stream(), [], [a_moment(metric_value=2, minute=3)])
    assert list((await stored(world, "lofi")).moments) == [a_moment(metric_value=2, minute=3)]


async def test_what_is_written_twice_at_once_is_stored_as_it_was_written_last(world: World) -> None:
    windows = [a_window(0, chat_count=1), a_window(0, chat_count=2)]
    moments = [a_moment(metric_value=1), a_moment(metric_value=2)]
    await world.writer.write(a_stream(), windows, moments)
    there = await stored(world, "lofi")
    assert [without_id(window) for window in there.metrics] == windows[1:]
    assert list(there.moments) == moments[1:]


async def test_writing_the_same_again_is_not_a_change(world: World) -> None:
    windows = [a_window(0), a_window(1, avg_sentiment=None, top_emotes=[]), a_window(2, z_score=float("nan"))]
    moments = [a_moment("m1"), a_moment("m2", metadata=None, description=None)]
    await world.writer.write(a_stream(), windows, moments)
    position = await position_now(world)
    await world.writer.write(a_stream(), windows, moments)
    await world.writer.write(a_stream(title=None, minute=-5), windows, moments)
    assert await changes_since(world, position) == []


async def test_only_what_differs_is_a_change(world: World) -> None:
    await world.writer.write(a_stream(), [a_window(0), a_window(1)], [a_moment("m1"), a_moment("m2")])
    position = await position_now(world)
    await world.writer.write(
        a_stream(), [a_window(0), a_window(1, chat_count=11)], [a_moment("m1", z_score=7), a_moment("m2")]
    )
    changes = await changes_since(world, position)
    there = await stored(world, "lofi")
    assert [change.data for change in changes] == [there.metrics[0], a_moment("m1", z_score=7)]


async def test_many_rows_are_stored_at_once(world: World) -> None:
    windows = [a_window(minute, chat_count=minute) for minute in range(800)]
    await world.writer.write(a_stream(), windows, [])
    there = await stored(world, "lofi")
    assert [without_id(window) for window in reversed(there.metrics)] == windows


async def test_writers_of_one_stream_do_not_undo_each_other(world: World) -> None:
    writes = [
        world.writer.write(a_stream(minute=number), [a_window(number)], [a_moment(f"m{number}")])
        for number in range(8)
    ]
    await asyncio.wait_for(asyncio.gather(*writes), 30)
    there = await stored(world, "lofi")
    assert there.stream == a_stream(minute=7)
    assert len(there.metrics) == len(there.moments) == 8
