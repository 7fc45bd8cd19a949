"""
One listener's sending side: first what it lacks, then each change as it comes, heartbeats in between.

Holds the listener's exact position, and no queue: what it has not taken stays in the stream's shared log, or in the
database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Final, NoReturn

import structlog

from telemetra.domain.changes import ChangePage, StreamSnapshot
from telemetra.domain.errors import DatabaseUnavailable, PositionInvalid
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.channel import FallenBehind, Subscription
from telemetra.entrypoints.live.hub import LiveHub, utc_now
from telemetra.entrypoints.live.outlet import Outlet
from telemetra.entrypoints.live.protocol import (
    ConnectedMessage,
    HeartbeatMessage,
    SnapshotMessage,
    encode,
)
from telemetra.entrypoints.live.steps import StreamStep, encode_change, remainder

SNAPSHOT_WINDOWS: Final = 60
SNAPSHOT_MOMENTS: Final = 20
_PAGE_CHANGES: Final = 200
_RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)

_log = structlog.get_logger(__name__)
_jitter: Final = Random()  # noqa: S311  (spreads retries, guards nothing)


class Delivery:
    """
    Brings one listener what it lacks and what comes, each change once.

    `subscription` was taken before anything is read: that makes the seam between reading and listening tight.
    """

    def __init__(
        self,
        hub: LiveHub,
        subscription: Subscription,
        outlet: Outlet,
        *,
        stream_id: str,
        heartbeat_seconds: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._hub = hub
        self._subscription = subscription
        self._outlet = outlet
        self._stream_id = stream_id
        self._heartbeat_seconds = heartbeat_seconds
        self._now = now

    async def greet(self, since: Position | None) -> ChangePage | StreamSnapshot:
        """
        Read what the listener lacks, and say `connected`; returned is what was read, for `run` to begin with.

        Raises:
            StreamNotFound, DatabaseUnavailable: as the feed does.
            ListenerEnded: the client is gone.

        """
        opening, position = await self._read_opening(since)
        self._position = position
        connected = ConnectedMessage(
            stream_id=self._stream_id,
            timestamp=self._now(),
            position=str(position),
            resumed=isinstance(opening, ChangePage),
            heartbeat_seconds=self._heartbeat_seconds,
        )
        await self._outlet.send(encode(connected))
        return opening

    async def run(self, opening: ChangePage | StreamSnapshot) -> NoReturn:
        """
        Deliver until the listener ends.

        Raises:
            ListenerEnded: the client is gone, or too slow.
            HubClosed: the server goes away.
            TelemetraError: the stream or the database's history is gone.

        """
        if isinstance(opening, StreamSnapshot):
            await self._tell_snapshot(opening)
        else:
            await self._tell_page(opening)
            if not _is_complete(opening):
                await self._catch_up()
        while True:
            await self._deliver_next()

    async def _read_opening(self, since: Position | None) -> tuple[ChangePage | StreamSnapshot, Position]:
        if since is not None:
            try:
                return await self._hub.since(self._stream_id, since, limit=_PAGE_CHANGES), since
            except PositionInvalid:
                # Told by `resumed: false`: what the client holds is replaced by the snapshot.
                pass
        snapshot = await self._hub.snapshot(
            self._stream_id, windows=SNAPSHOT_WINDOWS, moments=SNAPSHOT_MOMENTS
        )
        return snapshot, snapshot.position

    async def _deliver_next(self) -> None:
        """Wait for the stream's next step and bring it; or say that all is well."""
        try:
            step = await self._subscription.next(within_seconds=self._until_heartbeat())
        except FallenBehind:
            await self._catch_up()
            return
        if step is not None:
            await self._tell_step(step)
        elif self._until_heartbeat() <= 0:
            self._position = self._subscription.advanced(self._position)
            await self._tell_heartbeat()

    async def _catch_up(self) -> None:
        """Read what is new from the database until nothing is; it may be away, then this waits for it."""
        attempt = 0
        while True:
            self._subscription.rejoin()
            try:
                page = await self._hub.since(self._stream_id, self._position, limit=_PAGE_CHANGES)
            except DatabaseUnavailable:
                if attempt == 0:
                    _log.warning("live_catch_up_waits", stream_id=self._stream_id)
                await self._pause(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
                continue
            attempt = 0
            await self._tell_page(page)
            if _is_complete(page):
                return

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(_jitter.uniform(seconds / 2, seconds))
        if self._until_heartbeat() <= 0:
            await self._tell_heartbeat()

    async def _tell_step(self, step: StreamStep) -> None:
        rest = remainder(self._stream_id, step, self._position, self._now())
        if rest is None:
            await self._catch_up()
            return
        for payload in rest.payloads:
            await self._outlet.send(payload)
        self._position = rest.position

    async def _tell_page(self, page: ChangePage) -> None:
        for change, position in zip(page.changes, page.positions, strict=True):
            await self._outlet.send(encode_change(self._stream_id, change, position, self._now()))
            self._position = position
        self._position = page.position

    async def _tell_snapshot(self, snapshot: StreamSnapshot) -> None:
        message = SnapshotMessage(
            stream_id=self._stream_id,
            timestamp=self._now(),
            stream=snapshot.stream,
            metrics=snapshot.metrics,
            moments=snapshot.moments,
            position=str(snapshot.position),
        )
        await self._outlet.send(encode(message))

    async def _tell_heartbeat(self) -> None:
        message = HeartbeatMessage(
            stream_id=self._stream_id, timestamp=self._now(), position=str(self._position)
        )
        await self._outlet.send(encode(message))

    def _until_heartbeat(self) -> float:
        return max(0.0, self._heartbeat_seconds - self._outlet.silent_seconds)


def _is_complete(page: ChangePage) -> bool:
    """Whether the page ends at a whole snapshot, from where shared steps can be taken."""
    return not page.more and page.position.cut is None
