"""What a careful client does with changes: keep a copy, notice what comes twice, follow steps without a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from telemetra.domain.changes import Change, Removal, Step, StreamSnapshot
from telemetra.domain.errors import StreamNotFound
from telemetra.domain.moments import Moment
from telemetra.domain.ports import ChangeFeed
from telemetra.domain.positions import ChangeKey, Position
from telemetra.domain.queries import ListStreams
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow
from tests.contract.world import BOUND_SECONDS, World

EVERYTHING = 1_000


class Copy:
    """One stream as a listener knows it, by nothing but the changes it was told."""

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.windows: dict[tuple[datetime, datetime], MetricWindow] = {}
        self.moments: dict[str, Moment] = {}
        self.must_read_again = False
        self._told: set[ChangeKey] = set()

    def apply(self, changes: Iterable[Change]) -> None:
        """Take changes in, in the order in which they were told; one that was told before fails the test."""
        for change in changes:
            assert change.key not in self._told, f"told twice: {change}"
            self._told.add(change.key)
            match change.data:
                case Stream() as stream:
                    self.stream = stream
                case MetricWindow() as window:
                    self.windows[window.window_start, window.window_end] = window
                case Moment() as moment:
                    self.moments[moment.moment_id] = moment
                case Removal() as removal:
                    self._remove(removal)

    def replace(self, snapshot: StreamSnapshot) -> None:
        """Begin again from what is stored."""
        self.stream = snapshot.stream
        self.windows = {(window.window_start, window.window_end): window for window in snapshot.metrics}
        self.moments = {moment.moment_id: moment for moment in snapshot.moments}
        self.must_read_again = False

    def _remove(self, removal: Removal) -> None:
        said = [removal.stream, removal.window is not None, removal.moment_id is not None, removal.all]
        assert sum(said) == 1, f"a removal names exactly one thing: {removal}"
        if removal.stream:
            self.stream = None
        elif removal.window:
            self.windows.pop((removal.window.window_start, removal.window.window_end), None)
        elif removal.moment_id is not None:
            self.moments.pop(removal.moment_id, None)
        else:
            self.must_read_again = True

    async def read_again_if_told(self, world: World, stream_id: str) -> None:
        """Do what the removal of everything asks for."""
        if self.must_read_again:
            self.replace(await stored(world, stream_id))

    async def assert_complete(self, world: World, stream_id: str) -> None:
        """Assert that the copy is what is stored."""
        there = await stored(world, stream_id)
        assert self.stream == there.stream
        assert sorted(self.windows.values(), key=_newest_window, reverse=True) == list(there.metrics)
        assert sorted(self.moments.values(), key=_newest_moment, reverse=True) == list(there.moments)


async def stored(world: World, stream_id: str) -> StreamSnapshot:
    """Return all of a stream; an unknown one is empty."""
    try:
        return await world.ports.feed.snapshot(stream_id, windows=EVERYTHING, moments=EVERYTHING)
    except StreamNotFound:
        return StreamSnapshot(stream=None, metrics=[], moments=[], position=await position_now(world))


async def position_now(world: World) -> Position:
    """Return where a reader stands now, whatever is stored."""
    return (await world.ports.streams.list(ListStreams(limit=1))).position


class Follower:
    """Steps of a feed, each with a bound on the wait for it, and without a gap between them."""

    def __init__(self, following: AsyncIterator[Step]) -> None:
        self._source = following
        self._steps: asyncio.Queue[Step] = asyncio.Queue()
        self._last: Step | None = None
        self._following = asyncio.create_task(self._follow())

    @property
    def has_steps(self) -> bool:
        """Whether a step has come that was not asked for yet."""
        return not self._steps.empty()

    async def ended(self) -> None:
        """Wait for the end of the steps."""
        await asyncio.wait_for(asyncio.shield(self._following), BOUND_SECONDS)

    async def next_step(self) -> Step:
        """Return the next step, which must begin where the last one ended."""
        step = await self._next() if self._steps.empty() else self._steps.get_nowait()
        assert self._last is None or step.before == self._last.after, "a gap between steps"
        self._last = step
        return step

    async def until_told(self, stream_id: str, data: object) -> list[Step]:
        """Return the steps up to the one that tells this of the stream."""
        steps: list[Step] = []
        async with asyncio.timeout(BOUND_SECONDS):
            while not (steps and any(change.data == data for change in steps[-1].changes.get(stream_id, ()))):
                steps.append(await self.next_step())
        return steps

    async def stop(self) -> None:
        self._following.cancel()
        with suppress(asyncio.CancelledError):
            await self._following

    async def _next(self) -> Step:
        arriving = asyncio.create_task(self._steps.get())
        await asyncio.wait(
            {arriving, self._following}, timeout=BOUND_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if arriving.done():
            return arriving.result()
        arriving.cancel()
        if self._following.done():
            self._following.result()
            raise EOFError("The steps have ended.")
        raise TimeoutError("No step came.")

    async def _follow(self) -> None:
        async for step in self._source:
            self._steps.put_nowait(step)


@asynccontextmanager
async def taking(steps: AsyncIterator[Step]) -> AsyncIterator[Follower]:
    """Take the steps for as long as the block lasts."""
    follower = Follower(steps)
    try:
        yield follower
    finally:
        await follower.stop()


@asynccontextmanager
async def following(feed: ChangeFeed) -> AsyncIterator[Follower]:
    """Follow the feed from the moment it stands."""
    async with taking(feed.steps()) as follower:
        first = await follower.next_step()
        assert first.before == first.after
        assert not first.changes
        assert not first.everywhere
        yield follower


def _newest_window(window: MetricWindow) -> tuple[datetime, datetime]:
    return window.window_start, window.window_end


def _newest_moment(moment: Moment) -> tuple[datetime, str]:
    return moment.timestamp, moment.moment_id
