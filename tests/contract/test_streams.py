"""The contract of `StreamReader`."""

from __future__ import annotations

import pytest

from telemetra.domain.errors import StreamNotFound
from telemetra.domain.queries import ListStreams, ReadMetrics
from tests.contract.samples import a_moment, a_stream, a_window
from tests.contract.world import World

AWKWARD_IDS = [
    "ключ",
    "🎮",
    "100%",
    "a_b",
    "o'neil",
    'say "hi"',
    "back\\slash",
    "{a,b}",
    "a b",
    " padded ",
    "line\r\nbreak",
    "../up",
    "$1",
    "x" * 1_000,
]


async def ids(world: World, query: ListStreams) -> list[str]:
    return [stream.stream_id for stream in (await world.ports.streams.list(query)).value]


async def test_no_streams_are_an_empty_page(world: World) -> None:
    answer = await world.ports.streams.list(ListStreams())
    assert list(answer.value) == []
    assert not answer.more


async def test_the_most_recently_updated_come_first(world: World) -> None:
    async with world.transaction() as transaction:
        for stream_id, minute in (("old", 1), ("new", 3), ("middle", 2)):
            await transaction.put_stream(a_stream(stream_id, minute=minute))
    assert await ids(world, ListStreams()) == ["new", "middle", "old"]


async def test_equal_ones_come_by_the_bytes_of_their_id(world: World) -> None:
    async with world.transaction() as transaction:
        for stream_id in ("é", "a", "z", "B", "🎮", "a-b", "aa", "\uffee"):
            await transaction.put_stream(a_stream(stream_id))
    listed = await ids(world, ListStreams())
    assert listed == sorted(listed, key=str.encode)
    assert len(listed) == 8


async def test_a_list_among_some_has_no_others(world: World) -> None:
    async with world.transaction() as transaction:
        for minute, stream_id in enumerate(("a", "b", "c", "d")):
            await transaction.put_stream(a_stream(stream_id, minute=minute))
    some = frozenset({"a", "c", "d", "unknown"})
    assert await ids(world, ListStreams(among=some)) == ["d", "c", "a"]
    assert await ids(world, ListStreams(among=some, limit=1, offset=1)) == ["c"]
    assert (await world.ports.streams.list(ListStreams(among=some, limit=2))).more
    assert not (await world.ports.streams.list(ListStreams(among=some, limit=3))).more
    assert await ids(world, ListStreams(among=frozenset())) == []


async def test_pages_hold_every_stream_once(world: World) -> None:
    async with world.transaction() as transaction:
        for number in range(7):
            await transaction.put_stream(a_stream(f"s{number}", minute=number // 2))
    pages = [await world.ports.streams.list(ListStreams(limit=3, offset=offset)) for offset in (0, 3, 6)]
    assert [len(page.value) for page in pages] == [3, 3, 1]
    assert [page.more for page in pages] == [True, True, False]
    assert [stream.stream_id for page in pages for stream in page.value] == await ids(world, ListStreams())


async def test_a_page_that_is_just_full_has_no_more(world: World) -> None:
    async with world.transaction() as transaction:
        for number in range(3):
            await transaction.put_stream(a_stream(f"s{number}"))
    assert not (await world.ports.streams.list(ListStreams(limit=3))).more


@pytest.mark.parametrize("offset", [1, 2**31 - 1])
async def test_past_the_end_the_page_is_empty(world: World, offset: int) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream())
    answer = await world.ports.streams.list(ListStreams(offset=offset))
    assert list(answer.value) == []
    assert not answer.more


async def test_a_stream_is_returned_as_it_was_written(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream(minute=0.000_25))
    assert (await world.ports.streams.get("lofi")).value == a_stream(minute=0.000_25)


async def test_a_stream_without_a_title_has_none(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream(title=None))
    assert (await world.ports.streams.get("lofi")).value.title is None


async def test_an_unknown_stream_is_not_found(world: World) -> None:
    with pytest.raises(StreamNotFound) as found:
        await world.ports.streams.get("nobody")
    assert found.value.stream_id == "nobody"


async def test_a_stream_that_nobody_described_is_not_among_the_streams(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window())
        await transaction.put_moment(a_moment())
    assert await ids(world, ListStreams()) == []
    with pytest.raises(StreamNotFound):
        await world.ports.streams.get("lofi")


@pytest.mark.parametrize("stream_id", AWKWARD_IDS)
async def test_any_text_is_an_id(world: World, stream_id: str) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream(stream_id))
    assert (await world.ports.streams.get(stream_id)).value == a_stream(stream_id)


@pytest.mark.parametrize(
    ("written", "asked"),
    [("Lofi", "lofi"), ("lofi", "lofi "), ("lofi", "%"), ("lofi", "lof_"), ("é", "e\u0301"), ("ß", "ss")],
)
async def test_an_id_matches_nothing_but_itself(world: World, written: str, asked: str) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream(written))
    with pytest.raises(StreamNotFound):
        await world.ports.streams.get(asked)


async def test_answers_carry_the_position_they_were_read_at(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream())
    read = [
        (await world.ports.streams.get("lofi")).position,
        (await world.ports.streams.list(ListStreams())).position,
    ]
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream(title="Other"))
    for position in read:
        page = await world.ports.feed.since("lofi", position, limit=10)
        assert [change.data for change in page.changes] == [a_stream(title="Other")]


async def test_positions_only_grow_though_an_older_transaction_overwrites_a_newer_one(world: World) -> None:
    older = await world.script.begin()
    async with world.transaction() as newer:
        await newer.put_stream(a_stream("s", title="by the newer"))
    before = await world.ports.streams.get("s")
    await older.put_stream(a_stream("s", title="by the older"))
    await older.commit()
    after = await world.ports.streams.get("s")
    assert after.value.title == "by the older"
    listed = await world.ports.streams.list(ListStreams())
    windows = await world.ports.metrics.list(ReadMetrics(stream_id="s"))
    for position in (after.position, listed.position, windows.position):
        assert position.seen.includes(before.position.seen)
