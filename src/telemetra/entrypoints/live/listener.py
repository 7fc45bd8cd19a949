"""
One client's place in a stream: where it stands, exactly, and how it gets from there to the end and stays there.

Abreast, it is written to by the hub, and its position is the hub's. Otherwise it has a position of its own: while it
reads what it lacks, while it is ahead of a hub that has yet to take what the database already told, and while its client
does not keep up. Belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from random import Random
from typing import Final, Protocol

import structlog

from telemetra.domain.errors import DatabaseUnavailable, PositionInvalid, TelemetraError
from telemetra.domain.positions import NOTHING_SEEN, Position
from telemetra.entrypoints.live.channel import Channel
from telemetra.entrypoints.live.ending import (
    ListenerEnded,
    client_gone,
    internal_error,
    server_restarts,
    too_slow,
)
from telemetra.entrypoints.live.frames import Burst
from telemetra.entrypoints.live.outlet import Outlet
from telemetra.entrypoints.live.protocol import CloseCode, encode
from telemetra.entrypoints.live.readings import Reading, Readings
from telemetra.entrypoints.live.stall import StallWatch
from telemetra.entrypoints.live.standing import Standing
from telemetra.entrypoints.meters import Meters
from telemetra.live_messages import ConnectedMessage, ErrorMessage, HeartbeatMessage

_RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
_TURN_BYTES: Final = 256 * 1024
"""What one listener may be written before the others have their turn."""

_log = structlog.get_logger(__name__)
_jitter: Final = Random()  # noqa: S311  (spreads retries, guards nothing)


class Standpoint(Protocol):
    """What a listener asks the hub."""

    @property
    def position(self) -> Position | None:
        """Where the hub stands; None until the feed stands."""
        ...

    @property
    def place(self) -> int:
        """How many steps it has taken."""
        ...

    @property
    def readings(self) -> Readings:
        """What reads the database for listeners."""
        ...

    @property
    def meters(self) -> Meters:
        """Where is counted what it is told."""
        ...

    def tell_ahead(self, stream_id: str, position: Position) -> None:
        """Hear that a listener is about to be told all up to here, be it ahead of the hub."""
        ...

    @property
    def apart(self) -> set[Listener]:
        """The listeners that are not abreast of it: they are asked to `take` after every step."""
        ...

    def now(self) -> datetime:
        """Return the wall clock's time, aware."""
        ...


class Listener:
    """
    A `Reader` of its outlet, and one of its channel's listeners from its beginning to its end.

    `on_end` is called once, when it has ended for whatever reason.
    """

    def __init__(
        self,
        hub: Standpoint,
        channel: Channel,
        outlet: Outlet,
        *,
        heartbeat_seconds: float,
        stall_seconds: float,
        on_end: Callable[[], None],
    ) -> None:
        self._hub = hub
        self._channel = channel
        self._outlet = outlet
        self._heartbeat_seconds = heartbeat_seconds
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._standing: Standing | None = None
        """Its own; None while it is abreast, and while it has been told nothing."""
        self._paused = False
        self._stall = StallWatch(
            stall_seconds,
            unread_bytes=lambda: outlet.unread_bytes,
            on_stall=lambda: self.end(too_slow()),
        )
        self._task: asyncio.Task[None] | None = None
        self._spoke_at = self._loop.time()
        self._own_messages = 0
        self._channel_messages = 0
        self.ending: ListenerEnded | None = None
        """Why it has ended; None while it has not."""

    # --- Coming in ----------------------------------------------------------------------------------------------------

    def open(self, since: Position | None) -> None:
        """Begin to tell it what it lacks since this position, or everything."""
        self._channel.listeners.add(self)
        self._hub.apart.add(self)
        self._outlet.attach(self)
        if self.ending is None:
            self._begin(lambda: self._open(since))

    async def _open(self, since: Position | None) -> None:
        reading = await self._first_reading(since)
        resumed = reading is not None
        self._hub.meters.opened.labels("resumed" if resumed else "snapshot" if since else "new").inc()
        if reading is None:
            reading = await self._hub.readings.snapshot(self.stream_id)
        connected = ConnectedMessage(
            stream_id=self.stream_id,
            timestamp=self._hub.now(),
            # A client that is cut off before it has the snapshot must not resume behind it.
            position=str(since if resumed else NOTHING_SEEN),
            resumed=resumed,
            heartbeat_seconds=self._heartbeat_seconds,
        )
        self.say(Burst([encode(connected)]))
        self._tell(reading)
        await self._catch_up()

    async def _first_reading(self, since: Position | None) -> Reading | None:
        """Read what it lacks; None where only a snapshot will do, which the client is told by `resumed: false`."""
        if since is None:
            return None
        try:
            return await self._hub.readings.page(self.stream_id, since)
        except PositionInvalid:
            return None

    @property
    def stream_id(self) -> str:
        """What it listens to."""
        return self._channel.stream_id

    # --- Keeping up ---------------------------------------------------------------------------------------------------

    @property
    def is_abreast(self) -> bool:
        """Whether the hub writes to it."""
        return self in self._channel.abreast

    @property
    def messages(self) -> int:
        """How many messages it was given."""
        shared = self._channel.messages - self._channel_messages if self.is_abreast else 0
        return self._own_messages + shared

    def say(self, burst: Burst) -> None:
        """Write something that is its own."""
        if self.ending is None and burst:
            self._outlet.write(burst.wire)
            self._own_messages += len(burst)
            self._hub.meters.deliveries.inc(len(burst))
            self._spoke_at = self._loop.time()

    def take(self) -> None:
        """Take what the log has for it, when it is ahead of the hub or the hub has gone on without it."""
        if self._standing and not (self._task or self._paused):
            if self._standing.is_of_another_history(self._hub.position):
                self._standing.on_log = False
            self._advance(self._standing)

    def fall_behind(self) -> None:
        """Hear that the step which comes now is not carried: stay where the hub still stands, and read the database."""
        self._leave()

    def beat(self, at: float) -> None:
        """Say that all is well, if nothing was said for long; only while it is not abreast, where the hub does it."""
        if self._standing and not self._paused and at - self._spoke_at >= self._heartbeat_seconds:
            self.say(Burst([heartbeat(self.stream_id, self._standing.position, self._hub.now())]))

    def _advance(self, standing: Standing) -> None:
        """Go as far as the log leads; the rest takes a task."""
        if not (standing.on_log and self._follow_log(standing)):
            self._begin(self._catch_up)

    def _follow_log(self, standing: Standing) -> bool:
        """
        Take the log's steps; return whether the log is done: it is abreast, or waits for the hub's next step.

        Otherwise its client is to read first, or the database has to be read.
        """
        written = 0
        for burst in standing.missed(self._channel, self._hub.now()):
            self.say(burst)
            written += len(burst.wire)
            if self._paused or self.ending or written > _TURN_BYTES:
                return False
        if standing.on_log and standing.is_behind(self._hub.position):
            self._join()
        return standing.on_log

    def _join(self) -> None:
        self._standing = None
        self._channel_messages = self._channel.messages
        self._channel.abreast[self] = self._outlet.write
        self._hub.apart.discard(self)

    def _leave(self) -> None:
        """Stand for itself again, exactly where those abreast do."""
        if self.is_abreast:
            assert self._hub.position is not None  # noqa: S101  (nobody is abreast of a hub that stands nowhere)
            del self._channel.abreast[self]
            self._hub.apart.add(self)
            self._standing = Standing(self._hub.position, self._hub.place, on_log=True)
            self._own_messages += self._channel.messages - self._channel_messages
            self._spoke_at = self._channel.spoke_at

    async def _catch_up(self) -> None:
        """Read on until the log can be followed; the database may be away, then this waits for it."""
        attempt = 0
        while self._standing and not (self._paused or self.ending):
            if self._standing.on_log:
                if self._follow_log(self._standing):
                    return
                # What was written has to go out before it is known whether the client keeps up.
                await asyncio.sleep(0)
                continue
            try:
                self._tell(await self._hub.readings.page(self.stream_id, self._standing.position))
                attempt = 0
            except DatabaseUnavailable:
                if attempt == 0:
                    _log.warning("live_catch_up_waits", stream_id=self.stream_id)
                pause = _RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)]
                await asyncio.sleep(_jitter.uniform(pause / 2, pause))
                attempt += 1

    def _tell(self, reading: Reading) -> None:
        self._standing = Standing(reading.position, reading.place, on_log=reading.complete)
        self._hub.tell_ahead(self.stream_id, reading.position)
        self.say(reading.burst)

    # --- How the client reads -----------------------------------------------------------------------------------------

    def paused(self) -> None:
        """Keep nothing but the position, until the client has read."""
        self._paused = True
        self._hub.meters.conflated.inc()
        self._leave()
        self._stall.start()

    def resumed(self) -> None:
        """Go on from the position."""
        self._paused = False
        self._stall.stop()
        if self._standing and self._task is None and self.ending is None:
            self._advance(self._standing)

    def lost(self, code: int) -> None:
        """Be gone."""
        self._finish(client_gone(code))

    def draining(self) -> None:
        """Say good-bye."""
        self.end(server_restarts())

    # --- Going --------------------------------------------------------------------------------------------------------

    def end(self, ending: ListenerEnded) -> None:
        """Tell the client why, and close; what it has yet to read comes first, if it reads at all."""
        if self.ending is None:
            self._finish(ending)
            if not ending.gone:
                self._outlet.end(ending, self._farewell(ending))

    async def is_sent(self) -> None:
        """Wait, not for long, until the last word is out."""
        await self._outlet.ended()

    def leave(self) -> None:
        """End without a word, where the client has gone already or its socket is closed by another."""
        self._finish(client_gone(CloseCode.NO_STATUS))

    def _farewell(self, ending: ListenerEnded) -> Burst | None:
        if ending.error is None:
            return None
        return error_burst(self.stream_id, *ending.error, now=self._hub.now())

    def _finish(self, ending: ListenerEnded) -> None:
        if self.ending is None:
            self._leave()
            self.ending = ending
            self._stall.stop()
            if self._task and self._task is not asyncio.current_task():
                self._task.cancel()
            self._channel.listeners.discard(self)
            self._hub.apart.discard(self)
            self._on_end()

    # --- Its task, while there is something to read -------------------------------------------------------------------

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        self._task = asyncio.create_task(self._run(work), name="live-catch-up")

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except TelemetraError as error:
            ending = ListenerEnded.because(error)
            if ending.code == CloseCode.INTERNAL:
                _log.exception("live_listener_failed", stream_id=self.stream_id)
            self.end(ending)
        except Exception:  # noqa: BLE001  (a fault here ends one listener, with a code and without details)
            _log.exception("live_listener_failed", stream_id=self.stream_id)
            self.end(internal_error())
        finally:
            self._task = None


def heartbeat(stream_id: str, position: Position, now: datetime) -> bytes:
    """Encode a `heartbeat` message."""
    return encode(HeartbeatMessage(stream_id=stream_id, timestamp=now, position=str(position)))


def error_burst(stream_id: str, code: str, detail: str, *, now: datetime) -> Burst:
    """Build an `error` message."""
    return Burst([encode(ErrorMessage(stream_id=stream_id, timestamp=now, code=code, detail=detail))])
