"""The contract of `ChangeFeed.since`: each committed change once, in its newest form, from any position."""

from __future__ import annotations

import pytest

from telemetra.domain.changes import Change, ChangeKind, Removal, RemovedWindow
from telemetra.domain.errors import PositionInvalid, StreamNotFound
from telemetra.domain.positions import ChangeKey, Cut, Position, Snapshot
from tests.contract.listener import Copy, position_now
from tests.contract.samples import a_moment, a_stream, a_window, at
from tests.contract.world import World

PLENTY = 1_000


async def since(world: World, position: Position, stream_id: str = "lofi") -> list[Change]:
    page = await world.ports.feed.since(stream_id, position, limit=PLENTY)
    assert not page.more
    return list(page.changes)


async def rest(world: World, position: Position, *, limit: int = PLENTY) -> list[Change]:
    """Read page by page to the end, by positions that went through their text."""
    changes: list[Change] = []
    while True:
        page = await world.ports.feed.since("lofi", Position.parse(str(position)), limit=limit)
        assert len(page.changes) == len(page.positions) <= limit
        assert not page.changes or page.position == page.positions[-1]
        assert page.changes or not page.more
        changes += page.changes
        position = page.position
        if not page.changes:
            return changes


async def fill(world: World, *, transactions: int = 3) -> None:
    for number in range(transactions):
        async with world.transaction() as transaction:
            await transaction.put_stream(a_stream(minute=number))
            for part in range(3):
                await transaction.put_moment(a_moment(f"m{number}{part}"))
                await transaction.put_window(a_window(10 * number + part))


# --- what is told


async def test_without_changes_the_page_is_empty(world: World) -> None:
    await fill(world)
    page = await world.ports.feed.since("lofi", await position_now(world), limit=10)
    assert list(page.changes) == []
    assert not page.more


async def test_the_position_of_an_empty_page_includes_all_that_is_committed(world: World) -> None:
    await fill(world)
    page = await world.ports.feed.since("lofi", await position_now(world), limit=10)
    assert page.position.cut is None
    async with world.transaction() as transaction:
        await transaction.put_window(a_window(99))
    assert len(await since(world, page.position)) == 1


async def test_every_kind_of_row_is_told_as_it_is_stored(world: World) -> None:
    begin = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.put_moment(a_moment())
        await transaction.put_window(a_window())
        await transaction.put_stream(a_stream())
    there = await world.ports.feed.snapshot("lofi", windows=1, moments=1)
    told = [change.data for change in await since(world, begin)]
    assert told == [a_stream(), there.metrics[0], a_moment()]


async def test_changes_come_by_transaction_then_kind_then_key(world: World) -> None:
    begin = await position_now(world)
    await fill(world)
    keys = [change.key for change in await since(world, begin)]
    assert keys == sorted(keys)
    assert [key.kind for key in keys[-7:]] == [ChangeKind.STREAM] + [ChangeKind.WINDOW] * 3 + [
        ChangeKind.MOMENT
    ] * 3


async def test_moments_of_one_transaction_come_by_the_bytes_of_their_id(world: World) -> None:
    begin = await position_now(world)
    async with world.transaction() as transaction:
        for moment_id in ("é", "a", "z", "B", "🎮", "a-b", "aa", "\uffee"):
            await transaction.put_moment(a_moment(moment_id))
    keys = [change.key.key for change in await since(world, begin)]
    assert keys == sorted(keys, key=str.encode)
    assert [change.key.key for change in await rest(world, begin, limit=1)] == keys


async def test_windows_of_one_transaction_come_by_their_number(world: World) -> None:
    begin = await position_now(world)
    async with world.transaction() as transaction:
        for minute in range(12):
            await transaction.put_window(a_window(-minute))
    told = await rest(world, begin, limit=5)
    newest_first = (await world.ports.feed.snapshot("lofi", windows=20, moments=1)).metrics
    assert [change.data for change in told] == list(newest_first)


async def test_changes_of_other_streams_are_not_told(world: World) -> None:
    await fill(world)
    position = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream("other"))
        await transaction.put_window(a_window(stream_id="other"))
        await transaction.put_moment(a_moment("theirs", stream_id="other"))
    assert await since(world, position) == []


async def test_a_row_rewritten_many_times_is_told_once_in_its_newest_form(world: World) -> None:
    begin = await position_now(world)
    for chat_count in range(5):
        async with world.transaction() as transaction:
            await transaction.put_window(a_window(chat_count=chat_count))
    (change,) = await since(world, begin)
    assert change.data == (await world.ports.feed.snapshot("lofi", windows=1, moments=1)).metrics[0]


async def test_a_row_that_is_rewritten_after_it_was_told_is_told_again(world: World) -> None:
    await fill(world)
    position = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.put_moment(a_moment("m00", z_score=9))
    assert [change.data for change in await since(world, position)] == [a_moment("m00", z_score=9)]


async def test_an_update_to_the_same_values_is_not_a_change(world: World) -> None:
    await fill(world)
    position = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream(minute=2))
        await transaction.put_window(a_window(0))
        await transaction.put_moment(a_moment("m00"))
    assert await since(world, position) == []


async def test_a_row_that_moves_to_another_stream_is_gone_from_the_first(world: World) -> None:
    await fill(world)
    position = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.put_moment(a_moment("m00", stream_id="other"))
    assert [change.data for change in await since(world, position)] == [Removal(moment_id="m00")]
    assert [change.data for change in await since(world, position, "other")] == [
        a_moment("m00", stream_id="other")
    ]


async def test_a_stream_without_a_row_of_its_own_is_followed(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window(0))
    position = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.put_window(a_window(1))
    assert len(await since(world, position)) == 1


@pytest.mark.parametrize(
    "stream_id", ["ключ", "o'neil", "100%", "a_b", 'say "hi"', "line\r\nbreak", "back\\slash"]
)
async def test_any_text_is_an_id(world: World, stream_id: str) -> None:
    begin = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream(stream_id))
        await transaction.put_window(a_window(stream_id=stream_id))
        await transaction.put_moment(a_moment(f"{stream_id}-1", stream_id=stream_id))
    page = await world.ports.feed.since(stream_id, begin, limit=2)
    assert page.more
    position = Position.parse(str(page.position))
    left = await since(world, position, stream_id)
    assert [change.data for change in left] == [a_moment(f"{stream_id}-1", stream_id=stream_id)]


# --- transactions


async def test_what_commits_after_a_later_one_is_told(world: World) -> None:
    first, second = await world.script.begin(), await world.script.begin()
    await first.put_window(a_window(1))
    await second.put_window(a_window(2))
    begin = await position_now(world)
    await second.commit()
    page = await world.ports.feed.since("lofi", begin, limit=10)
    assert len(page.changes) == 1
    await first.commit()
    (late,) = await since(world, page.position)
    assert late.revision < page.changes[0].revision


async def test_what_commits_out_of_order_is_told_after_a_cut_too(world: World) -> None:
    first, second = await world.script.begin(), await world.script.begin()
    begin = await position_now(world)
    await first.put_window(a_window(1))
    for minute in (2, 3, 4):
        await second.put_window(a_window(minute))
    await second.commit()
    page = await world.ports.feed.since("lofi", begin, limit=2)
    await first.commit()
    copy = Copy()
    copy.apply(page.changes)
    copy.apply(await rest(world, page.position, limit=1))
    await copy.assert_complete(world, "lofi")


async def test_what_was_rolled_back_is_never_told(world: World) -> None:
    await fill(world)
    begin = await position_now(world)
    transaction = await world.script.begin()
    await transaction.put_window(a_window(50))
    await transaction.remove_moment("m00")
    page = await world.ports.feed.since("lofi", begin, limit=10)
    await transaction.rollback()
    assert list(page.changes) == []
    assert await since(world, begin) == []
    assert await since(world, page.position) == []


async def test_a_long_transaction_holds_nothing_up(world: World) -> None:
    begin = await position_now(world)
    long = await world.script.begin()
    await long.put_window(a_window(0))
    copy = Copy()
    position = begin
    for minute in range(1, 6):
        async with world.transaction() as transaction:
            await transaction.put_window(a_window(minute))
        page = await world.ports.feed.since("lofi", position, limit=10)
        assert len(page.changes) == 1
        copy.apply(page.changes)
        position = page.position
    await long.commit()
    copy.apply(await since(world, position))
    await copy.assert_complete(world, "lofi")


# --- cuts


@pytest.mark.parametrize("limit", [1, 2, 5, PLENTY])
async def test_pages_tell_every_change_once(world: World, limit: int) -> None:
    begin = await position_now(world)
    await fill(world)
    assert await rest(world, begin, limit=limit) == await since(world, begin)


async def test_a_page_says_whether_others_follow(world: World) -> None:
    begin = await position_now(world)
    await fill(world)
    count = len(await since(world, begin))
    assert (await world.ports.feed.since("lofi", begin, limit=count - 1)).more
    assert not (await world.ports.feed.since("lofi", begin, limit=count)).more


async def test_reading_on_from_any_position_of_a_page_tells_what_follows_it(world: World) -> None:
    begin = await position_now(world)
    await fill(world)
    page = await world.ports.feed.since("lofi", begin, limit=PLENTY)
    for index, position in enumerate(page.positions):
        assert await rest(world, position, limit=2) == list(page.changes[index + 1 :])


async def test_reading_on_from_any_cut_tells_once_what_was_committed_since(world: World) -> None:
    begin = await position_now(world)
    early = await world.script.begin()
    await early.put_window(a_window(70))
    await fill(world)
    page = await world.ports.feed.since("lofi", begin, limit=PLENTY)
    await early.commit()
    async with world.transaction() as transaction:
        await transaction.put_window(a_window(0, chat_count=99))
        await transaction.put_moment(a_moment("m22", z_score=9))
        await transaction.remove_window("lofi", at(20), at(21))
        await transaction.put_window(a_window(80))
    for index, position in enumerate(page.positions):
        copy = Copy()
        copy.apply(page.changes[: index + 1])
        copy.apply(await rest(world, position, limit=2))
        await copy.assert_complete(world, "lofi")


async def test_a_cut_in_what_follows_a_cut_resumes_exactly(world: World) -> None:
    begin = await position_now(world)
    await fill(world)
    first = await world.ports.feed.since("lofi", begin, limit=PLENTY)
    async with world.transaction() as transaction:
        for part in range(3):
            await transaction.put_window(a_window(60 + part))
            await transaction.put_window(a_window(part, chat_count=99))
    for index, position in enumerate(first.positions):
        second = await world.ports.feed.since("lofi", position, limit=PLENTY)
        for number, again in enumerate(second.positions):
            copy = Copy()
            copy.apply(first.changes[: index + 1])
            copy.apply(second.changes[: number + 1])
            copy.apply(await rest(world, again))
            await copy.assert_complete(world, "lofi")


# --- removals


async def test_removed_rows_are_told_by_their_keys(world: World) -> None:
    await fill(world)
    position = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.remove_window("lofi", at(0), at(1))
        await transaction.remove_moment("m00")
        await transaction.remove_stream("lofi")
    gone = RemovedWindow(window_start=at(0), window_end=at(1))
    assert [change.data for change in await since(world, position)] == [
        Removal(window=gone),
        Removal(moment_id="m00"),
        Removal(stream=True),
    ]


async def test_the_removal_of_what_is_not_there_is_not_told(world: World) -> None:
    await fill(world)
    position = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.remove_window("lofi", at(0), at(7))
        await transaction.remove_moment("nothing")
        await transaction.remove_stream("nobody")
    assert await since(world, position) == []


async def test_many_removals_of_one_transaction_come_in_pages(world: World) -> None:
    async with world.transaction() as transaction:
        for minute in range(12):
            await transaction.put_window(a_window(minute))
    position = await position_now(world)
    async with world.transaction() as transaction:
        for minute in range(12):
            await transaction.remove_window("lofi", at(minute), at(minute + 1))
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream())
    assert len(await rest(world, position, limit=5)) == 13


@pytest.mark.parametrize("transactions", [1, 2])
async def test_what_was_removed_and_written_again_is_there_at_the_end(
    world: World, transactions: int
) -> None:
    await fill(world)
    snapshot = await world.ports.feed.snapshot("lofi", windows=PLENTY, moments=PLENTY)
    copy = Copy()
    copy.replace(snapshot)
    transaction = await world.script.begin()
    await transaction.remove_window("lofi", at(0), at(1))
    await transaction.remove_moment("m00")
    if transactions == 2:
        await transaction.commit()
        transaction = await world.script.begin()
    await transaction.put_window(a_window(0))
    await transaction.put_moment(a_moment("m00"))
    await transaction.commit()
    copy.apply(await rest(world, snapshot.position, limit=1))
    await copy.assert_complete(world, "lofi")


async def test_what_an_older_transaction_writes_again_is_there_at_the_end(world: World) -> None:
    """The one that writes it again took its id first: by ids alone the removal would seem to be the last word."""
    await fill(world)
    snapshot = await world.ports.feed.snapshot("lofi", windows=PLENTY, moments=PLENTY)
    older = await world.script.begin()
    async with world.transaction() as transaction:
        await transaction.remove_stream("lofi")
        await transaction.remove_window("lofi", at(0), at(1))
        await transaction.remove_moment("m00")
    await older.put_stream(a_stream(title="Again"))
    await older.put_window(a_window(0))
    await older.put_moment(a_moment("m00"))
    await older.commit()
    for limit in (1, PLENTY):
        copy = Copy()
        copy.replace(snapshot)
        copy.apply(await rest(world, snapshot.position, limit=limit))
        await copy.assert_complete(world, "lofi")


async def test_what_was_removed_again_is_gone_at_the_end(world: World) -> None:
    await fill(world)
    snapshot = await world.ports.feed.snapshot("lofi", windows=PLENTY, moments=PLENTY)
    for _ in range(2):
        async with world.transaction() as transaction:
            await transaction.remove_moment("m00")
        async with world.transaction() as transaction:
            await transaction.put_moment(a_moment("m00"))
    async with world.transaction() as transaction:
        await transaction.remove_moment("m00")
    copy = Copy()
    copy.replace(snapshot)
    copy.apply(await rest(world, snapshot.position, limit=1))
    await copy.assert_complete(world, "lofi")


@pytest.mark.parametrize("kind", [ChangeKind.STREAM, ChangeKind.WINDOW, ChangeKind.MOMENT])
async def test_an_emptied_table_concerns_every_stream(world: World, kind: ChangeKind) -> None:
    await fill(world)
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream("other"))
        await transaction.put_window(a_window(stream_id="other"))
    position = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.truncate(kind)
    for stream_id in ("lofi", "other"):
        assert [change.data for change in await since(world, position, stream_id)] == [Removal(all=True)]


# --- what can't be resumed


async def test_an_unknown_stream_is_not_found(world: World) -> None:
    await fill(world)
    with pytest.raises(StreamNotFound):
        await world.ports.feed.since("nobody", await position_now(world), limit=10)


async def test_a_stream_that_lost_its_last_row_is_told_so_and_then_not_found(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_moment(a_moment())
    position = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.remove_moment("m1")
    page = await world.ports.feed.since("lofi", position, limit=10)
    assert [change.data for change in page.changes] == [Removal(moment_id="m1")]
    with pytest.raises(StreamNotFound):
        await world.ports.feed.since("lofi", page.position, limit=10)


async def test_a_position_of_another_epoch_is_refused(world: World) -> None:
    await fill(world)
    position = await position_now(world)
    other = bytes(byte ^ 0xFF for byte in position.epoch)
    with pytest.raises(PositionInvalid):
        await world.ports.feed.since("lofi", Position(other, position.seen), limit=10)


@pytest.mark.parametrize("revision", [2**31, 2**63, 2**64 - 1])
async def test_a_position_from_the_future_is_refused(world: World, revision: int) -> None:
    await fill(world)
    now = await position_now(world)
    future = Snapshot(revision)
    key = ChangeKey(1, ChangeKind.WINDOW, "1")
    for position in (Position(now.epoch, future), Position(now.epoch, now.seen, Cut(future, key))):
        with pytest.raises(PositionInvalid):
            await world.ports.feed.since("lofi", position, limit=10)


@pytest.mark.parametrize("key", ["", "not a number", "-1", "9" * 40, "'; drop table streams; --", "é🎮"])
@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 255])
@pytest.mark.parametrize("revision", [0, 2**64 - 1])
async def test_a_cut_that_a_client_made_up_does_no_harm(
    world: World, key: str, kind: int, revision: int
) -> None:
    await fill(world)
    now = await position_now(world)
    made_up = Position(now.epoch, Snapshot(0), Cut(now.seen, ChangeKey(revision, kind, key)))
    try:
        page = await world.ports.feed.since("lofi", made_up, limit=10)
    except PositionInvalid:
        return
    assert len(page.changes) <= 10
