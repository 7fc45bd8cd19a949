"""The contract of `ChangeFeed.steps`: from a position or from now on, without a gap, each change once."""

from __future__ import annotations

import asyncio
import itertools

from telemetra.domain.changes import LISTING, ChangeKind, Removal, Step, tag_of
from telemetra.domain.positions import EPOCH_BYTES, Position
from tests.contract.listener import Copy, Follower, following, position_now, stored, taking
from tests.contract.samples import a_moment, a_stream, a_window, at
from tests.contract.world import World


async def finish(world: World, follower: Follower, stream_id: str = "lofi") -> list[Step]:
    """Return the steps that tell all that is committed: a last write marks the end of them."""
    marker = a_moment(f"{stream_id}-end", stream_id=stream_id, minute=999)
    async with world.transaction() as transaction:
        await transaction.put_moment(marker)
    return await follower.until_told(stream_id, marker)


async def test_what_was_there_before_is_not_told(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window())
    async with following(world.ports.feed) as follower:
        steps = await finish(world, follower)
    assert [len(step.changes.get("lofi", ())) for step in steps if step.changes] == [1]


async def test_a_commit_is_told(world: World) -> None:
    async with following(world.ports.feed) as follower:
        async with world.transaction() as transaction:
            await transaction.put_stream(a_stream())
        (step,) = [step for step in await follower.until_told("lofi", a_stream()) if step.changes]
    assert [change.data for change in step.changes["lofi"]] == [a_stream()]


async def test_changes_come_by_stream_in_the_order_of_their_keys(world: World) -> None:
    async with following(world.ports.feed) as follower:
        async with world.transaction() as transaction:
            for stream_id in ("lofi", "other"):
                await transaction.put_moment(a_moment(f"{stream_id}-b", stream_id=stream_id))
                await transaction.put_moment(a_moment(f"{stream_id}-a", stream_id=stream_id))
                await transaction.put_window(a_window(stream_id=stream_id))
                await transaction.put_stream(a_stream(stream_id))
        steps = await follower.until_told("lofi", a_stream("lofi"))
    step = steps[-1]
    assert set(step.changes) == {"lofi", "other"}
    for changes in step.changes.values():
        keys = [change.key for change in changes]
        assert keys == sorted(keys)
        assert len(keys) == 4


async def test_steps_follow_each_other_and_nothing_is_lost_or_told_twice(world: World) -> None:
    copy = Copy()
    async with following(world.ports.feed) as follower:
        for minute in range(30):
            async with world.transaction() as transaction:
                await transaction.put_window(a_window(minute))
                await transaction.put_window(a_window(minute - 1, chat_count=minute))
                await transaction.put_stream(a_stream(minute=minute))
        for step in await finish(world, follower):
            copy.apply(step.changes.get("lofi", ()))
    await copy.assert_complete(world, "lofi")


async def test_when_nothing_changes_a_follower_says_so(world: World) -> None:
    async with following(world.ports.feed) as follower:
        for _ in range(3):
            beat = await follower.next_step()
            assert (beat.before, beat.changes, beat.carried) == (beat.after, {}, True)


async def test_a_step_tells_whether_the_list_of_streams_is_another(world: World) -> None:
    async def lists(**put: object) -> bool:
        async with world.transaction() as transaction:
            if stream := put.get("stream"):
                await transaction.put_stream(a_stream(str(stream)))
            await transaction.put_window(a_window(chat_count=next(counts)))
        async with asyncio.timeout(30):
            while not (step := await follower.next_step()).changes:
                pass
        assert (LISTING in set(step.tags())) == step.lists
        assert tag_of("lofi") in set(step.tags())
        return step.lists

    counts = itertools.count(1)
    for steps in (world.ports.feed.steps(), world.ports.feed.lead(lambda: None)):
        async with taking(steps) as follower:
            await follower.next_step()
            assert not await lists()
            assert await lists(stream=f"new-{next(counts)}")
            assert not await lists()


async def test_writers_at_the_same_time_are_all_told(world: World) -> None:
    async def write(number: int) -> None:
        for minute in range(8):
            await world.writer.write(
                a_stream(f"s{number % 2}", minute=minute),
                [a_window(10 * number + minute, stream_id=f"s{number % 2}")],
                [],
            )

    copies = {"s0": Copy(), "s1": Copy()}
    async with following(world.ports.feed) as follower:
        await asyncio.wait_for(asyncio.gather(*map(write, range(4))), 30)
        for stream_id in copies:
            for step in await finish(world, follower, stream_id):
                for told, changes in step.changes.items():
                    copies[told].apply(changes)
    for stream_id, copy in copies.items():
        await copy.assert_complete(world, stream_id)
        assert len(copy.windows) == 16


async def test_what_commits_out_of_order_is_told(world: World) -> None:
    copy = Copy()
    async with following(world.ports.feed) as follower:
        first, second = await world.script.begin(), await world.script.begin()
        await first.put_window(a_window(1))
        await second.put_moment(a_moment("m2"))
        await second.commit()
        for step in await follower.until_told("lofi", a_moment("m2")):
            copy.apply(step.changes.get("lofi", ()))
        await first.commit()
        for step in await finish(world, follower):
            copy.apply(step.changes.get("lofi", ()))
    await copy.assert_complete(world, "lofi")
    assert len(copy.windows) == 1


async def test_what_was_rolled_back_is_not_told(world: World) -> None:
    copy = Copy()
    async with following(world.ports.feed) as follower:
        transaction = await world.script.begin()
        await transaction.put_window(a_window(1))
        await transaction.rollback()
        for step in await finish(world, follower):
            copy.apply(step.changes.get("lofi", ()))
    assert copy.windows == {}
    assert list(copy.moments) == ["lofi-end"]


async def test_an_update_to_the_same_values_is_not_told(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window())
    async with following(world.ports.feed) as follower:
        async with world.transaction() as transaction:
            await transaction.put_window(a_window())
        steps = await finish(world, follower)
    assert sum(len(step.changes.get("lofi", ())) for step in steps) == 1


async def test_removals_are_told(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream())
        await transaction.put_window(a_window())
        await transaction.put_moment(a_moment())
    copy = Copy()
    copy.replace(await stored(world, "lofi"))
    async with following(world.ports.feed) as follower:
        async with world.transaction() as transaction:
            await transaction.remove_stream("lofi")
            await transaction.remove_window("lofi", at(0), at(1))
            await transaction.remove_moment("m1")
        for step in await finish(world, follower):
            copy.apply(step.changes.get("lofi", ()))
    await copy.assert_complete(world, "lofi")
    assert copy.stream is None


async def test_what_an_older_transaction_writes_again_is_there_at_the_end(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_moment(a_moment())
    copy = Copy()
    copy.replace(await stored(world, "lofi"))
    async with following(world.ports.feed) as follower:
        older = await world.script.begin()
        async with world.transaction() as transaction:
            await transaction.remove_moment("m1")
        await older.put_moment(a_moment())
        await older.commit()
        for step in await finish(world, follower):
            copy.apply(step.changes.get("lofi", ()))
    await copy.assert_complete(world, "lofi")


async def test_an_emptied_table_is_told_once_for_all_streams(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window())
    async with following(world.ports.feed) as follower:
        async with world.transaction() as transaction:
            await transaction.truncate(ChangeKind.WINDOW)
        steps = await finish(world, follower)
    assert [change.data for step in steps for change in step.everywhere] == [Removal(all=True)]
    assert sum(len(changes) for step in steps for changes in step.changes.values()) == 1


async def test_followers_do_not_take_steps_from_each_other(world: World) -> None:
    async with following(world.ports.feed) as one:
        async with world.transaction() as transaction:
            await transaction.put_window(a_window(1))
        async with following(world.ports.feed) as other:
            async with world.transaction() as transaction:
                await transaction.put_window(a_window(2))
            marker = a_moment("end")
            async with world.transaction() as transaction:
                await transaction.put_moment(marker)
            of_one = await one.until_told("lofi", marker)
            of_other = await other.until_told("lofi", marker)
    assert sum(len(step.changes.get("lofi", ())) for step in of_one) == 3
    assert sum(len(step.changes.get("lofi", ())) for step in of_other) == 2


async def test_a_follower_that_stops_leaves_the_others_alone(world: World) -> None:
    async with following(world.ports.feed) as staying:
        async with following(world.ports.feed):
            pass
        await finish(world, staying)


async def test_reading_goes_on_from_where_a_step_ended(world: World) -> None:
    async with following(world.ports.feed) as follower:
        async with world.transaction() as transaction:
            await transaction.put_stream(a_stream())
        (*_, step) = await follower.until_told("lofi", a_stream())
    async with world.transaction() as transaction:
        await transaction.put_moment(a_moment())
    page = await world.ports.feed.since("lofi", step.after, limit=10)
    assert [change.data for change in page.changes] == [a_moment()]
    page = await world.ports.feed.since("lofi", step.before, limit=10)
    assert len(page.changes) == 2


async def test_following_begins_at_the_position_that_is_given(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window(0))
    after = await position_now(world)
    copy = Copy()
    copy.replace(await stored(world, "lofi"))
    async with world.transaction() as transaction:
        await transaction.put_window(a_window(1))
    async with taking(world.ports.feed.steps(after)) as follower:
        first = await follower.next_step()
        assert first.before == after
        assert first.carried
        assert [change.data for change in first.changes["lofi"]] == [(await stored(world, "lofi")).metrics[0]]
        for step in [first, *await finish(world, follower)]:
            copy.apply(step.changes.get("lofi", ()))
    await copy.assert_complete(world, "lofi")


async def test_the_first_step_comes_though_nothing_has_changed_since_the_position(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window())
    after = await position_now(world)
    async with taking(world.ports.feed.steps(after)) as follower:
        first = await follower.next_step()
    assert first.before == first.after == after
    assert first.carried
    assert not first.changes


async def test_what_has_changed_since_another_history_is_not_carried(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window())
    here = await position_now(world)
    after = Position(bytes(EPOCH_BYTES), here.seen)
    async with taking(world.ports.feed.steps(after)) as follower:
        first = await follower.next_step()
        assert (first.before, first.after) == (after, here)
        assert not first.carried
        assert not first.changes
        assert await finish(world, follower)


async def test_what_has_changed_since_removals_that_are_forgotten_is_not_carried(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_moment(a_moment())
    after = await position_now(world)
    async with world.transaction() as transaction:
        await transaction.remove_moment("m1")
    await world.forget_removals()
    async with taking(world.ports.feed.steps(after)) as follower:
        first = await follower.next_step()
        assert first.before == after
        assert not first.carried
        assert await finish(world, follower)


async def test_when_the_database_goes_away_following_goes_on_from_where_it_stood(world: World) -> None:
    copy = Copy()
    async with following(world.ports.feed) as follower:
        async with world.transaction() as transaction:
            await transaction.put_window(a_window(0))
        for step in await finish(world, follower):
            copy.apply(step.changes.get("lofi", ()))
        await world.interrupt()
        async with world.transaction() as transaction:
            await transaction.put_window(a_window(1))
            await transaction.put_moment(a_moment("after"))
        for step in await follower.until_told("lofi", a_moment("after")):
            copy.apply(step.changes.get("lofi", ()))
    await copy.assert_complete(world, "lofi")
