"""The contract of `MomentReader`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from telemetra.domain.errors import StreamNotFound
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.queries import MomentCursor, ReadMoments
from tests.contract.samples import a_moment, a_stream, a_window, at, on_the_wire
from tests.contract.world import World


async def write(world: World, moments: Sequence[Moment]) -> None:
    async with world.transaction() as transaction:
        for moment in moments:
            await transaction.put_moment(moment)


async def read(world: World, query: ReadMoments) -> list[Moment]:
    return list((await world.ports.moments.list(query)).value)


async def test_moments_come_newest_first(world: World) -> None:
    await write(world, [a_moment("a", minute=1), a_moment("b", minute=3), a_moment("c", minute=2)])
    found = await read(world, ReadMoments(stream_id="lofi"))
    assert [moment.moment_id for moment in found] == ["b", "c", "a"]


async def test_moments_of_one_time_come_by_the_bytes_of_their_id_downwards(world: World) -> None:
    await write(
        world, [a_moment(moment_id) for moment_id in ("é", "a", "z", "B", "🎮", "a-b", "aa", "\uffee")]
    )
    found = [moment.moment_id for moment in await read(world, ReadMoments(stream_id="lofi"))]
    assert found == sorted(found, key=str.encode, reverse=True)
    assert len(found) == 8


@pytest.mark.parametrize("moment_type", list(MomentType))
async def test_a_moment_is_returned_as_it_was_written(world: World, moment_type: MomentType) -> None:
    written = a_moment('it\'s "№ 1" 100%', moment_type=moment_type, minute=0.000_25, description="ü\n🎉")
    await write(world, [written])
    assert await read(world, ReadMoments(stream_id="lofi")) == [written]


async def test_what_is_unknown_is_null(world: World) -> None:
    written = a_moment(
        description=None, metric_name=None, metric_value=None, threshold=None, z_score=None, metadata=None
    )
    await write(world, [written])
    assert await read(world, ReadMoments(stream_id="lofi")) == [written]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_numbers_that_json_cannot_hold_come_as_null(world: World, number: float) -> None:
    await write(world, [a_moment(metric_value=number, threshold=number, z_score=number)])
    (moment,) = await read(world, ReadMoments(stream_id="lofi"))
    sent = on_the_wire(moment)
    assert (sent["metric_value"], sent["threshold"], sent["z_score"]) == (None, None, None)


async def test_one_type_can_be_asked_for(world: World) -> None:
    await write(world, [a_moment(kind.value, moment_type=kind) for kind in MomentType])
    found = await read(world, ReadMoments(stream_id="lofi", moment_type=MomentType.VIEWER_SPIKE))
    assert [moment.moment_id for moment in found] == ["viewer_spike"]


async def test_at_most_as_many_as_asked_for_are_returned(world: World) -> None:
    await write(world, [a_moment(f"m{number}", minute=number) for number in range(4)])
    for limit, more in ((1, True), (3, True), (4, False), (200, False)):
        answer = await world.ports.moments.list(ReadMoments(stream_id="lofi", limit=limit))
        assert [moment.moment_id for moment in answer.value] == ["m3", "m2", "m1", "m0"][:limit]
        assert answer.more == more


@pytest.mark.parametrize("moment_type", [None, MomentType.CHAT_SPIKE])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_pages_hold_every_moment_once(world: World, limit: int, moment_type: MomentType | None) -> None:
    kinds = (MomentType.CHAT_SPIKE, MomentType.CHAT_SPIKE, MomentType.SENTIMENT_SHIFT)
    await write(
        world,
        [
            a_moment(f"m{minute}{name}", minute=minute, moment_type=kind)
            for minute in range(3)
            for name, kind in zip("aéB", kinds, strict=True)
        ],
    )
    query = ReadMoments(stream_id="lofi", limit=limit, moment_type=moment_type)
    pages: list[Moment] = []
    more = True
    while more:
        answer = await world.ports.moments.list(query)
        assert answer.value
        pages += answer.value
        last = answer.value[-1]
        query = replace(query, after=MomentCursor(last.timestamp, last.moment_id))
        more = answer.more
    assert pages == await read(world, ReadMoments(stream_id="lofi", moment_type=moment_type))
    assert len(pages) == (6 if moment_type else 9)


@pytest.mark.parametrize("moment_type", [None, MomentType.CHAT_SPIKE])
async def test_moments_may_come_oldest_first_page_by_page(
    world: World, moment_type: MomentType | None
) -> None:
    await write(world, [a_moment(f"m{minute}{name}", minute=minute) for minute in range(3) for name in "aéB"])
    query = ReadMoments(stream_id="lofi", limit=4, moment_type=moment_type, oldest_first=True)
    found: list[Moment] = []
    more = True
    while more:
        answer = await world.ports.moments.list(query)
        assert answer.value
        found += answer.value
        query = replace(query, after=MomentCursor(found[-1].timestamp, found[-1].moment_id))
        more = answer.more
    assert found == (await read(world, ReadMoments(stream_id="lofi")))[::-1]
    assert len(found) == 9


async def test_the_range_is_half_open_on_the_time_of_moments(world: World) -> None:
    await write(
        world,
        [
            a_moment(f"{kind.value}{minute}", minute=minute, moment_type=kind)
            for minute in range(6)
            for kind in (MomentType.CHAT_SPIKE, MomentType.VIEWER_SPIKE)
        ],
    )
    query = ReadMoments(
        stream_id="lofi", moment_type=MomentType.CHAT_SPIKE, start_time=at(1), end_time=at(4), limit=2
    )
    assert [moment.timestamp for moment in await read(world, query)] == [at(3), at(2)]
    after = MomentCursor(at(2), "chat_spike2")
    assert [moment.timestamp for moment in await read(world, replace(query, after=after))] == [at(1)]
    oldest = replace(query, after=after, oldest_first=True)
    assert [moment.timestamp for moment in await read(world, oldest)] == [at(3)]


async def test_a_range_of_moments_may_have_one_end(world: World) -> None:
    await write(world, [a_moment(f"m{minute}", minute=minute) for minute in range(4)])
    later = await read(world, ReadMoments(stream_id="lofi", start_time=at(2)))
    assert [moment.timestamp for moment in later] == [at(3), at(2)]
    earlier = await read(world, ReadMoments(stream_id="lofi", end_time=at(2)))
    assert [moment.timestamp for moment in earlier] == [at(1), at(0)]


async def test_moments_of_other_streams_are_not_returned(world: World) -> None:
    await write(world, [a_moment("mine"), a_moment("theirs", stream_id="other")])
    assert await read(world, ReadMoments(stream_id="lofi")) == [a_moment("mine")]


async def test_an_unknown_stream_is_not_found(world: World) -> None:
    await write(world, [a_moment()])
    with pytest.raises(StreamNotFound):
        await world.ports.moments.list(ReadMoments(stream_id="nobody"))


async def test_a_stream_that_has_only_its_row_or_only_windows_is_known(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream("described"))
        await transaction.put_window(a_window(stream_id="counted"))
    assert await read(world, ReadMoments(stream_id="described")) == []
    assert await read(world, ReadMoments(stream_id="counted")) == []


async def test_a_known_stream_without_moments_of_the_type_is_empty(world: World) -> None:
    await write(world, [a_moment()])
    assert await read(world, ReadMoments(stream_id="lofi", moment_type=MomentType.SENTIMENT_SHIFT)) == []


async def test_the_answer_carries_the_position_it_was_read_at(world: World) -> None:
    await write(world, [a_moment("m1")])
    answer = await world.ports.moments.list(ReadMoments(stream_id="lofi"))
    await write(world, [a_moment("m2", minute=at(5).minute)])
    page = await world.ports.feed.since("lofi", answer.position, limit=10)
    assert [change.data for change in page.changes] == [a_moment("m2", minute=5)]
