"""The contract of `ChangeFeed.lead`: one follower at a time, which says all the while that it is there."""

from __future__ import annotations

import asyncio

from telemetra.domain.changes import ChangeKind, Step
from telemetra.domain.positions import Position
from tests.contract.listener import Copy, Follower, position_now, stored, taking
from tests.contract.samples import a_moment, a_window
from tests.contract.world import BOUND_SECONDS, World


def from_now() -> Position | None:
    return None


async def two_beats(follower: Follower) -> None:
    """Wait until the follower has said twice that nothing changed: that long, another has had its chances to lead."""
    beats = 0
    while beats < 2:
        step = await follower.next_step()
        beats += step.before == step.after


async def told(follower: Follower, moment_id: str) -> list[Step]:
    return await follower.until_told("lofi", a_moment(moment_id))


async def write(world: World, moment_id: str) -> None:
    async with world.transaction() as transaction:
        await transaction.put_moment(a_moment(moment_id))


async def test_who_leads_is_told_what_is_committed(world: World) -> None:
    async with taking(world.ports.feed.lead(from_now)) as leader:
        first = await leader.next_step()
        assert first.before == first.after
        await write(world, "m1")
        await told(leader, "m1")


async def test_while_one_leads_no_other_does(world: World) -> None:
    async with taking(world.ports.feed.lead(from_now)) as leader:
        await leader.next_step()
        async with taking(world.ports.feed.lead(from_now)) as other:
            for _ in range(4):
                await two_beats(leader)
            assert not other.has_steps
            await write(world, "m1")
            await told(leader, "m1")
            assert not other.has_steps


async def test_whoever_closes_it_gives_the_lead_up(world: World) -> None:
    async with taking(world.ports.feed.lead(from_now)) as leader:
        await leader.next_step()
        async with taking(world.ports.feed.lead(from_now)) as other:
            await leader.stop()
            await other.next_step()
            await write(world, "m1")
            await told(other, "m1")


async def test_the_next_leader_goes_on_from_where_it_starts(world: World) -> None:
    copy = Copy()
    async with taking(world.ports.feed.lead(from_now)) as leader:
        await leader.next_step()
        await write(world, "m1")
        async with world.transaction() as transaction:
            await transaction.put_window(a_window(1))
        copy.replace(await stored(world, "lofi"))
        position = await position_now(world)
        asked = []

        def start() -> Position:
            asked.append(other.has_steps)
            return position

        async with taking(world.ports.feed.lead(start)) as other:
            await write(world, "m2")
            await told(leader, "m2")
            assert asked == []
            await leader.stop()
            first = await other.next_step()
            assert first.before == position
            copy.apply(first.changes.get("lofi", ()))
            await write(world, "m3")
            for step in await told(other, "m3"):
                copy.apply(step.changes.get("lofi", ()))
            assert asked == [False]
    await copy.assert_complete(world, "lofi")


async def test_of_streams_that_nobody_wants_it_tells_only_that_they_changed(world: World) -> None:
    wanted: set[str] | None = {"lofi"}

    async def steps_until_told(stream_id: str, number: int) -> list[Step]:
        async with world.transaction() as transaction:
            await transaction.put_window(a_window(number, stream_id=stream_id))
            await transaction.put_window(a_window(number))
        found: list[Step] = []
        async with asyncio.timeout(BOUND_SECONDS):
            while not found or stream_id not in found[-1].changes.keys() | found[-1].uncarried:
                found.append(await leader.next_step())
        return found

    async with taking(world.ports.feed.lead(from_now, lambda: wanted)) as leader:
        await leader.next_step()
        told = (await steps_until_told("other", 1))[-1]
        assert (set(told.changes), set(told.uncarried), told.carried) == ({"lofi"}, {"other"}, True)
        wanted = set()
        told = (await steps_until_told("other", 2))[-1]
        assert (set(told.changes), set(told.uncarried), told.carried) == (set(), {"lofi", "other"}, True)
        wanted = None
        told = (await steps_until_told("other", 3))[-1]
        assert (set(told.changes), set(told.uncarried), told.carried) == ({"lofi", "other"}, set(), True)


async def test_that_a_table_was_emptied_is_told_whatever_is_wanted(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_window(a_window(1))
    async with taking(world.ports.feed.lead(from_now, lambda: ())) as leader:
        await leader.next_step()
        async with world.transaction() as transaction:
            await transaction.truncate(ChangeKind.WINDOW)
        async with asyncio.timeout(BOUND_SECONDS):
            while True:
                step = await leader.next_step()
                if step.everywhere or not step.carried:
                    break


async def test_when_nothing_changes_it_says_so(world: World) -> None:
    await write(world, "m1")
    async with taking(world.ports.feed.lead(from_now)) as leader:
        await leader.next_step()
        for _ in range(3):
            beat = await leader.next_step()
            assert beat.before == beat.after
            assert beat.carried
            assert not beat.changes
            assert not beat.everywhere


async def test_changes_come_at_once_and_not_with_the_next_beat_only(world: World) -> None:
    copy = Copy()
    async with taking(world.ports.feed.lead(from_now)) as leader:
        await leader.next_step()
        for number in range(10):
            await write(world, f"m{number}")
            for step in await told(leader, f"m{number}"):
                copy.apply(step.changes.get("lofi", ()))
    await copy.assert_complete(world, "lofi")


async def test_it_ends_when_the_database_goes_away(world: World) -> None:
    async with taking(world.ports.feed.lead(from_now)) as leader:
        await leader.next_step()
        async with taking(world.ports.feed.lead(from_now)) as waiting:
            await two_beats(leader)
            await world.interrupt()
            await leader.ended()
            await waiting.ended()
            assert not waiting.has_steps
    async with taking(world.ports.feed.lead(from_now)) as again:
        await again.next_step()


async def test_many_that_want_to_lead_do_so_one_after_the_other(world: World) -> None:
    leading: list[int] = []

    async def lead(number: int) -> None:
        async with taking(world.ports.feed.lead(from_now)) as leader:
            await leader.next_step()
            leading.append(number)
            assert len(leading) == 1, "two lead at once"
            await leader.next_step()
            leading.remove(number)

    async with asyncio.timeout(3 * BOUND_SECONDS):
        await asyncio.gather(*map(lead, range(4)))


async def test_followers_that_do_not_lead_are_left_alone(world: World) -> None:
    async with taking(world.ports.feed.lead(from_now)) as leader:
        await leader.next_step()
        async with taking(world.ports.feed.steps()) as follower:
            await follower.next_step()
            await write(world, "m1")
            await told(leader, "m1")
            await told(follower, "m1")


async def test_a_consumer_that_is_slow_for_a_moment_keeps_the_lead(world: World) -> None:
    leader = world.ports.feed.lead(from_now)
    first = await asyncio.wait_for(anext(leader), BOUND_SECONDS)
    async with taking(world.ports.feed.lead(from_now)) as other:
        await asyncio.sleep(1)
        second = await asyncio.wait_for(anext(leader), BOUND_SECONDS)
        assert second.before == first.after
        assert not other.has_steps
        await leader.aclose()  # type: ignore[attr-defined]
        await other.next_step()
