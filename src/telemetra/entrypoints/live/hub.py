"""
The hub: one task that follows the database's changes, and hands each stream's to those who listen here.

Whatever the number of listeners, the changes are read once and every message is encoded once. Knows nothing of sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from random import Random
from types import TracebackType
from typing import Final, Self

import structlog

from telemetra.domain.changes import ChangePage, Step, StreamSnapshot
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.ports import ChangeFeed
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.channel import Channel, HubClosed, Subscription
from telemetra.entrypoints.live.steps import StreamStep, stream_step

_CHANNEL_BYTES: Final = 1024 * 1024
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_CLOSING_SECONDS: Final = 2.0
_TURN_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Return the wall clock's time, aware."""
    return datetime.now(UTC)


class LiveHub:
    """
    Follows `feed.steps()` while it is open (as an async context manager), and keeps what listeners have yet to take.

    `log_bytes` bounds the logs of all streams together, `reads` how many listeners read the database at one time: a
    thousand that come back at once must not take the connections that requests need. All of it belongs to one loop.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        *,
        now: Callable[[], datetime] = utc_now,
        log_bytes: int = 64 * 1024 * 1024,
        reads: int = 4,
    ) -> None:
        self._feed = feed
        self._now = now
        self._log_bytes = log_bytes
        self._reads = asyncio.Semaphore(reads)
        self._channels: dict[str, Channel] = {}
        self._position: Position | None = None
        self._following: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False
        self._jitter = Random()  # noqa: S311  (spreads retries, guards nothing)

    @property
    def position(self) -> Position | None:
        """Where the hub stands; None until the feed stands."""
        return self._position

    @property
    def channels(self) -> int:
        """How many streams have listeners here."""
        return len(self._channels)

    @property
    def listeners(self) -> int:
        """How many listeners there are."""
        return sum(len(channel.subscriptions) for channel in self._channels.values())

    async def __aenter__(self) -> Self:
        self._following = asyncio.create_task(self._follow(), name="live-hub")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        if self._following:
            self._following.cancel()
            await asyncio.wait({self._following})

    async def close(self) -> None:
        """Tell every listener that the server goes away, and wait for them to end, but not for ever."""
        self._closing = True
        for channel in self._channels.values():
            for subscription in channel.subscriptions:
                subscription.close()
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._empty.wait()
        except TimeoutError:
            _log.warning("live_listeners_left", listeners=self.listeners)

    @contextmanager
    def subscribe(self, stream_id: str) -> Iterator[Subscription]:
        """
        Lend a place in the stream's log, at its end.

        Subscribe first and read the database afterwards: then no change falls between the two.

        Raises:
            HubClosed: the hub takes nobody any more.

        """
        if self._closing:
            raise HubClosed
        channel = self._channels.setdefault(stream_id, Channel(stream_id))
        subscription = Subscription(channel, lambda: self._position)
        channel.subscriptions.add(subscription)
        self._empty.clear()
        try:
            yield subscription
        finally:
            channel.subscriptions.discard(subscription)
            if not channel.subscriptions:
                del self._channels[stream_id]
            if not self._channels:
                self._empty.set()

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        """Read the stream as it stands, as `ChangeFeed.snapshot` does."""
        async with self._turn():
            return await self._feed.snapshot(stream_id, windows=windows, moments=moments)

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        """Read what a listener at `position` lacks, as `ChangeFeed.since` does."""
        async with self._turn():
            return await self._feed.since(stream_id, position, limit=limit)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """
        Wait for a turn to read.

        Raises:
            DatabaseUnavailable: none came in time, since those before do not get their answers.

        """
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._reads.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable("Too many listeners wait for the database.") from error
        try:
            yield
        finally:
            self._reads.release()

    async def _follow(self) -> None:
        """Follow the feed; when it breaks, begin again. What was missed meanwhile is found by the positions."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            steps = self._feed.steps()
            try:
                async for step in steps:
                    self._hand_out(step)
                    pause_seconds = _FIRST_PAUSE_SECONDS
            except Exception:  # noqa: BLE001  (whatever broke it, listeners wait for the next attempt)
                _log.exception("live_feed_failed", retry_seconds=pause_seconds)
            finally:
                if isinstance(steps, AsyncGenerator):
                    await steps.aclose()
            await asyncio.sleep(self._jitter.uniform(pause_seconds / 2, pause_seconds))
            pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    def _hand_out(self, step: Step) -> None:
        """Put the step into the logs that it concerns, all at once: no listener sees the hub in between."""
        limit_bytes = min(_CHANNEL_BYTES, self._log_bytes // max(1, len(self._channels)))
        now = self._now()
        for channel in self._concerned(step):
            mine = self._part_of(channel, step, now)
            if mine:
                channel.append(mine, limit_bytes=limit_bytes)
        self._position = step.after

    def _concerned(self, step: Step) -> list[Channel]:
        if step.everywhere or not step.carried or step.before != self._position:
            return list(self._channels.values())
        return [self._channels[id_] for id_ in step.changes if id_ in self._channels]

    def _part_of(self, channel: Channel, step: Step, now: datetime) -> StreamStep | None:
        if step.before != self._position:
            # Steps were missed, or this is the first and somebody listened before it: nobody knows what came
            # between, so whoever has not seen `after` reads the database.
            return StreamStep(step.before, step.after, None)
        return stream_step(channel.stream_id, step, now)
