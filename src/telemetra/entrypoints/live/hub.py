"""
The hub: takes the steps of the database's changes, and hands each stream's to those who listen here.

Whatever the number of listeners, a step is taken once and every message is encoded once; those who are abreast are all
written the same bytes. Where steps come from is the relay's concern. Knows nothing of sockets.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import time
from types import TracebackType
from typing import Final, ParamSpec, Protocol, Self

import structlog

from telemetra.domain.changes import Step
from telemetra.domain.ports import ChangeFeed
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.channel import Channel
from telemetra.entrypoints.live.ending import internal_error, server_restarts
from telemetra.entrypoints.live.frames import Burst
from telemetra.entrypoints.live.listener import Listener, heartbeat
from telemetra.entrypoints.live.outlet import Outlet
from telemetra.entrypoints.live.readings import Readings
from telemetra.entrypoints.live.steps import StreamStep, step_from, stream_step
from telemetra.entrypoints.meters import Meters

_CHANNEL_BYTES: Final = 1024 * 1024
_CLOSING_SECONDS: Final = 2.0
_BEATS_AT_ONCE: Final = 500
"""So many heartbeats are written before a step, or anything else, has its turn."""

_log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Return the wall clock's time, aware."""
    return datetime.now(UTC)


class HubClosed(Exception):
    """The hub takes nobody any more."""


class StepWatcher(Protocol):
    """Whoever has to know what changed before any listener does."""

    def heard(self) -> None:
        """Note that somebody said what changed until now, if anything did."""
        ...

    def take(self, step: Step) -> None:
        """Take a step that is new here; what comes after a gap is not carried."""
        ...

    def told(self, stream_id: str, position: Position) -> None:
        """Note that a listener of a stream is told of all up to a position, which no step has reached yet."""
        ...


class _NoWatcher:
    def heard(self) -> None:
        pass

    def take(self, step: Step) -> None:
        pass

    def told(self, stream_id: str, position: Position) -> None:
        pass


class LiveHub:
    """
    Keeps who listens to what while it is open (as an async context manager), and what they have yet to take.

    `follow` and `unfollow` are told which streams have listeners here. `log_bytes` bounds the logs of all streams
    together. All of it belongs to one loop.
    """

    def __init__(  # noqa: PLR0913  (each a bound that an operator sets, or a door that somebody else stands behind)
        self,
        feed: ChangeFeed,
        *,
        heartbeat_seconds: float = 15.0,
        stall_seconds: float = 30.0,
        follow: Callable[[str], None] = lambda _: None,
        unfollow: Callable[[str], None] = lambda _: None,
        now: Callable[[], datetime] = utc_now,
        watcher: StepWatcher | None = None,
        meters: Meters | None = None,
        log_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self.now = now
        self.readings = Readings(feed, place=lambda: self.place, now=now)
        self.place = 0
        self.apart: set[Listener] = set()
        self._heartbeat_seconds = heartbeat_seconds
        self._stall_seconds = stall_seconds
        self._follow = follow
        self._unfollow = unfollow
        self._log_bytes = log_bytes
        self._watcher = watcher or _NoWatcher()
        self.meters = meters or Meters()
        self._channels: dict[str, Channel] = {}
        self._position: Position | None = None
        self._beating: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def position(self) -> Position | None:
        """Where the hub stands; None until it has taken a step."""
        return self._position

    @property
    def channels(self) -> int:
        """How many streams have listeners here."""
        return len(self._channels)

    @property
    def streams(self) -> Collection[str]:
        """The streams that have listeners here."""
        return self._channels.keys()

    @property
    def listeners(self) -> int:
        """How many listeners there are."""
        return sum(len(channel.listeners) for channel in self._channels.values())

    async def __aenter__(self) -> Self:
        self._beating = asyncio.create_task(self._beat(), name="live-heartbeats")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        await self.readings.close()
        if self._beating:
            self._beating.cancel()
            await asyncio.wait({self._beating})

    async def close(self) -> None:
        """Tell every listener that the server goes away, and wait until that is sent, but not for ever."""
        self._closing = True
        listeners = [listener for channel in self._channels.values() for listener in channel.listeners]
        for listener in listeners:
            listener.end(server_restarts())
        if listeners:
            sent = [asyncio.create_task(listener.is_sent(), name="live-farewell") for listener in listeners]
            _, unsent = await asyncio.wait(sent, timeout=_CLOSING_SECONDS)
            for task in unsent:
                task.cancel()

    @contextmanager
    def listen(
        self, stream_id: str, outlet: Outlet, since: Position | None, *, on_end: Callable[[], None]
    ) -> Iterator[Listener]:
        """
        Serve a listener until it ends, or the block does; `on_end` is called when the first happens.

        Raises:
            HubClosed: the hub takes nobody any more.

        """
        if self._closing:
            raise HubClosed
        channel = self._channel(stream_id)
        listener = Listener(
            self,
            channel,
            outlet,
            heartbeat_seconds=self._heartbeat_seconds,
            stall_seconds=self._stall_seconds,
            on_end=lambda: self._forget(channel, on_end),
        )
        try:
            listener.open(since)
            yield listener
        finally:
            listener.leave()

    def take(self, step: Step) -> None:
        """
        Hand out a step, all at once: no listener sees the hub in between.

        Steps may come from several sources: one that the hub includes already is nothing new, one that overlaps is told
        from where the hub stands, and before one that leaves a gap everybody reads the database.
        """
        self._watcher.heard()
        if self._position is None:
            # Somebody may have listened before this first step: nobody here knows what came between.
            new: Step | None = dataclasses.replace(step, changes={}, everywhere=(), carried=False)
        else:
            new = step_from(step, self._position)
        if new is None:
            return
        if new.before != new.after or not new.carried:
            self._watcher.take(new)
        self._hand_out(new)
        for listener in list(self.apart):
            _guarded(listener, listener.take)

    def tell_ahead(self, stream_id: str, position: Position) -> None:
        """Hear that a listener is about to be told what was read for it, be it ahead of the hub."""
        here = self._position
        if here is None or here.epoch != position.epoch or not here.seen.includes(position.reached):
            self._watcher.told(stream_id, position)

    def _hand_out(self, step: Step) -> None:
        now = self.now()
        place = self.place + 1
        limit_bytes = self._limit_bytes()
        parts: list[tuple[Channel, StreamStep]] = []
        for channel in self._concerned(step):
            part = _encoded(channel.stream_id, step, now)
            if part:
                part = channel.append(place, part, limit_bytes=limit_bytes)
                if part.frames is None:
                    for listener in list(channel.abreast):
                        listener.fall_behind()
                else:
                    parts.append((channel, part))
        # A client that stops to read in the middle of what follows has been written this step, and stands behind it.
        self._position, self.place = step.after, place
        for channel, part in parts:
            self._write(channel, part.burst)
            if step.unseen_at is not None and channel.abreast:
                self.meters.delivery_lag.observe(max(0.0, time() - step.unseen_at))

    def _limit_bytes(self) -> int:
        """What the log of one stream may hold, so that all together stay in bounds."""
        return min(_CHANNEL_BYTES, self._log_bytes // max(1, len(self._channels)))

    def _concerned(self, step: Step) -> list[Channel]:
        if step.everywhere or not step.carried:
            return list(self._channels.values())
        changed = step.changes.keys() | step.uncarried
        return [self._channels[id_] for id_ in changed if id_ in self._channels]

    def _write(self, channel: Channel, burst: Burst) -> None:
        channel.messages += len(burst)
        channel.spoke_at = asyncio.get_running_loop().time()
        self.meters.deliveries.inc(len(burst) * len(channel.abreast))
        wire = burst.wire
        # The one loop that runs for every message and listener: nothing is touched here but what writes.
        for write in list(channel.abreast.values()):
            try:
                write(wire)
            except Exception:  # noqa: BLE001  (as in `_guarded`)
                broken = [listener for listener, writes in channel.abreast.items() if writes == write]
                for listener in broken:
                    _fail(listener)

    async def _beat(self) -> None:
        """Fill silence: a listener hears something at least every `heartbeat_seconds`, and a little."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self._heartbeat_seconds / 4))
            for channel in list(self._channels.values()):
                channel.trim(self._limit_bytes())
                if loop.time() - channel.spoke_at >= self._heartbeat_seconds:
                    await self._beat_channel(channel)
            for listener in list(self.apart):
                _guarded(listener, listener.beat, loop.time())

    async def _beat_channel(self, channel: Channel) -> None:
        channel.spoke_at = asyncio.get_running_loop().time()
        waiting = list(channel.abreast)
        for start in range(0, len(waiting), _BEATS_AT_ONCE):
            if self._position is None:
                return
            burst = Burst([heartbeat(channel.stream_id, self._position, self.now())])
            for listener in waiting[start : start + _BEATS_AT_ONCE]:
                if listener.is_abreast:
                    _guarded(listener, listener.say, burst)
            await asyncio.sleep(0)

    def _channel(self, stream_id: str) -> Channel:
        channel = self._channels.get(stream_id)
        if channel is None:
            channel = self._channels[stream_id] = Channel(stream_id, place=self.place)
            channel.spoke_at = asyncio.get_running_loop().time()
            self._follow(stream_id)
        return channel

    def _forget(self, channel: Channel, on_end: Callable[[], None]) -> None:
        if not channel.listeners and self._channels.get(channel.stream_id) is channel:
            del self._channels[channel.stream_id]
            self._unfollow(channel.stream_id)
        on_end()


P = ParamSpec("P")


def _guarded(listener: Listener, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do something for one listener; a fault in it ends this one, and costs no other its update."""
    try:
        work(*args, **kwargs)
    except Exception:  # noqa: BLE001  (whatever it is, it is this listener's)
        _fail(listener)


def _encoded(stream_id: str, step: Step, now: datetime) -> StreamStep | None:
    """Build a stream's part of a step; what can't be encoded concerns this stream alone, and is read row by row."""
    try:
        return stream_step(stream_id, step, now)
    except Exception:  # noqa: BLE001  (writers may store what no message can hold)
        _log.exception("live_step_unencodable", stream_id=stream_id)
        return StreamStep(step.before, step.after, None)


def _fail(listener: Listener) -> None:
    _log.exception("live_listener_failed", stream_id=listener.stream_id)
    listener.end(internal_error())
