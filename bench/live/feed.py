"""A `ChangeFeed` whose changes come when the benchmark says so: no database, so that only the fan-out is measured."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from bench.live.message import STREAM, window

from telemetra.domain.changes import Change, ChangeKind, ChangePage, Step, StreamSnapshot
from telemetra.domain.ports import WantedStreams, every_stream
from telemetra.domain.positions import ChangeKey, Position, Snapshot

_EPOCH: Final = b"bench\0\0\0"
_FIRST_REVISION: Final = 1_000_000
"""Large, so that all positions of a run are equally long, and so are the messages."""
_KEPT_CHANGES: Final = 5_000
_BEAT_SECONDS: Final = 0.25


class BenchFeed:
    """
    One stream, every change a transaction of its own.

    What was published lately can be read again, as a listener does that was left behind; older changes are gone
    without a word, which no measured listener may notice: the clients count.
    """

    def __init__(self) -> None:
        self._revision = _FIRST_REVISION
        self._changes: deque[Change] = deque(maxlen=_KEPT_CHANGES)
        self._followers: set[asyncio.Queue[Step]] = set()
        self._lead = asyncio.Lock()

    def publish(self, messages: int, *, large: bool) -> None:
        """Let this many windows change in one step."""
        before = self._position(self._revision)
        for _ in range(messages):
            key = ChangeKey(self._revision, ChangeKind.WINDOW, "")
            self._changes.append(Change(key=key, data=window(large=large)))
            self._revision += 1
        step = self._step(before)
        for follower in self._followers:
            follower.put_nowait(step)

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:  # noqa: ARG002
        return StreamSnapshot(stream=None, metrics=[], moments=[], position=self._position(self._revision))

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:  # noqa: ARG002
        unseen = self._unseen(position)
        told = unseen[:limit]
        positions = [self._position(change.revision + 1) for change in told]
        return ChangePage(
            changes=told,
            positions=positions,
            position=positions[-1] if positions else self._position(self._revision),
            more=len(told) < len(unseen),
        )

    async def steps(self, after: Position | None = None) -> AsyncIterator[Step]:
        with self._following() as queue:
            yield self._step(after or self._position(self._revision))
            while True:
                yield await queue.get()

    async def lead(
        self,
        start: Callable[[], Position | None],
        wanted: WantedStreams = every_stream,  # noqa: ARG002
    ) -> AsyncGenerator[Step, None]:
        async with self._lead:
            with self._following() as queue:
                step = self._step(start() or self._position(self._revision))
                while True:
                    yield step
                    try:
                        async with asyncio.timeout(_BEAT_SECONDS):
                            step = await queue.get()
                    except TimeoutError:
                        step = self._step(self._position(self._revision))

    @contextmanager
    def _following(self) -> Iterator[asyncio.Queue[Step]]:
        queue: asyncio.Queue[Step] = asyncio.Queue()
        self._followers.add(queue)
        try:
            yield queue
        finally:
            self._followers.discard(queue)

    def _step(self, before: Position) -> Step:
        unseen = self._unseen(before)
        after = self._position(self._revision)
        return Step(before=before, after=after, changes={STREAM: unseen} if unseen else {})

    def _unseen(self, position: Position) -> list[Change]:
        """Return what a position does not include, from the newest backwards: mostly that is one."""
        unseen: list[Change] = []
        for change in reversed(self._changes):
            if position.seen.sees(change.revision):
                break
            unseen.append(change)
        return unseen[::-1]

    def _position(self, revision: int) -> Position:
        return Position(_EPOCH, Snapshot(revision))
