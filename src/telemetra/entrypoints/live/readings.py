"""
What listeners read from the database, read once for all that lack the same.

A thousand that come back together, or fall behind together, cost one statement and one encoding. Knows nothing of
sockets.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from telemetra.domain.changes import ChangePage
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.ports import ChangeFeed
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.frames import Burst
from telemetra.entrypoints.live.protocol import encode
from telemetra.entrypoints.live.steps import encode_change
from telemetra.live_messages import SnapshotMessage

SNAPSHOT_WINDOWS: Final = 60
SNAPSHOT_MOMENTS: Final = 20
_PAGE_CHANGES: Final = 500
_PAGE_BYTES: Final = 1024 * 1024
"""Where a page is cut, if its changes are large."""
_KEPT_SECONDS: Final = 0.5
"""So long a reading serves others: what was written since is in the log, or read from its position."""
_READINGS_KEPT: Final = 16
_TURN_SECONDS: Final = 5.0

_Wanted: TypeAlias = tuple[str, Position | None]
"""A stream, and the position to read on from; None for a snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What was read for a listener of one stream, ready to be written.

    `place` is where the hub stood when the reading began: every later step that this reading does not include has a
    greater one. `position` is where a listener stands that was told all of it; `complete` is unset where more follows.
    """

    burst: Burst
    position: Position
    place: int
    complete: bool


class Readings:
    """Reads pages and snapshots; `turns` bounds how many at one time, so that listeners leave connections to requests."""

    def __init__(
        self, feed: ChangeFeed, *, place: Callable[[], int], now: Callable[[], datetime], turns: int = 4
    ) -> None:
        self._feed = feed
        self._place = place
        self._now = now
        self._turns = asyncio.Semaphore(turns)
        self._running: dict[_Wanted, asyncio.Task[Reading]] = {}
        self._kept: OrderedDict[_Wanted, tuple[float, Reading]] = OrderedDict()
        """What was read lately, and when, by the loop's clock."""

    async def snapshot(self, stream_id: str) -> Reading:
        """
        Read the stream as it stands, or as it stood a moment ago.

        Raises:
            StreamNotFound, DatabaseUnavailable: as `ChangeFeed.snapshot` does.

        """
        key = (stream_id, None)
        return self._find(key) or await self._shared(key, lambda: self._read_snapshot(stream_id))

    async def page(self, stream_id: str, since: Position) -> Reading:
        """
        Read what a listener at `since` lacks, or the first part of it.

        A page that was read a moment ago is as good as a new one: it says where it ends, and what follows comes next.

        Raises:
            PositionInvalid, StreamNotFound, DatabaseUnavailable: as `ChangeFeed.since` does.

        """
        key = (stream_id, since)
        return self._find(key) or await self._shared(key, lambda: self._read_page(stream_id, since))

    async def close(self) -> None:
        """Give up what is being read."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _shared(self, key: _Wanted, read: Callable[[], Awaitable[Reading]]) -> Reading:
        """Join the reading that runs for this key, or begin it; one that no longer wants it disturbs nobody."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._in_turn(read), name="live-reading")
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: _Wanted, task: asyncio.Task[Reading]) -> None:
        del self._running[key]
        # Whoever wanted it may be gone: its failure is nobody's news then.
        if not task.cancelled() and task.exception() is None and task.result().burst:
            self._kept[key] = (asyncio.get_running_loop().time(), task.result())
            if len(self._kept) > _READINGS_KEPT:
                self._kept.popitem(last=False)

    def _find(self, key: _Wanted) -> Reading | None:
        read_at, reading = self._kept.get(key, (-math.inf, None))
        return reading if asyncio.get_running_loop().time() - read_at <= _KEPT_SECONDS else None

    async def _in_turn(self, read: Callable[[], Awaitable[Reading]]) -> Reading:
        async with self._turn():
            return await read()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """
        Wait for a turn to read.

        Raises:
            DatabaseUnavailable: none came in time, since those before do not get their answers.

        """
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable("Too many listeners wait for the database.") from error
        try:
            yield
        finally:
            self._turns.release()

    async def _read_snapshot(self, stream_id: str) -> Reading:
        place = self._place()
        snapshot = await self._feed.snapshot(stream_id, windows=SNAPSHOT_WINDOWS, moments=SNAPSHOT_MOMENTS)
        message = SnapshotMessage(
            stream_id=stream_id,
            timestamp=self._now(),
            stream=snapshot.stream,
            metrics=snapshot.metrics,
            moments=snapshot.moments,
            position=str(snapshot.position),
        )
        return Reading(burst=Burst([encode(message)]), position=snapshot.position, place=place, complete=True)

    async def _read_page(self, stream_id: str, since: Position) -> Reading:
        place = self._place()
        page = await self._feed.since(stream_id, since, limit=_PAGE_CHANGES)
        now, payloads, size_bytes = self._now(), [], 0
        for change, position in zip(page.changes, page.positions, strict=True):
            payloads.append(encode_change(stream_id, change, position, now))
            size_bytes += len(payloads[-1])
            if size_bytes > _PAGE_BYTES and len(payloads) < len(page.changes):
                return Reading(burst=Burst(payloads), position=position, place=place, complete=False)
        return Reading(
            burst=Burst(payloads), position=page.position, place=place, complete=_is_complete(page)
        )


def _is_complete(page: ChangePage) -> bool:
    """Whether the page ends at a whole snapshot, from where shared steps can be taken."""
    return not page.more and page.position.cut is None
