"""A client without a socket: an outlet that keeps what it is written, and reads when a test says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec

from telemetra.domain.changes import Step
from telemetra.domain.ports import ChangeFeed
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.ending import ListenerEnded
from telemetra.entrypoints.live.frames import Burst, payloads_of
from telemetra.entrypoints.live.outlet import Reader

SECONDS = 30.0


class Client:
    """An `Outlet`. It reads at once, until `stop_reading`; then it takes one burst more and says that it is full."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.told: list[dict[str, Any]] = []
        """What was read, `connected`, snapshots and heartbeats included."""
        self.unread_bytes = 0
        self.ending: ListenerEnded | None = None
        self.ended_event = asyncio.Event()
        self.reader: Reader | None = None
        self.broken = False
        self._reads = True
        self._unread: list[bytes] = []
        self._something = asyncio.Event()

    def attach(self, reader: Reader) -> None:
        self.reader = reader

    def write(self, wire: bytes) -> None:
        if self.broken:
            raise RuntimeError("The connection is broken in a way that nobody foresaw.")
        self.writes.append(wire)
        self._unread += payloads_of(wire)
        if self._reads:
            self._read()
            return
        was_full, self.unread_bytes = bool(self.unread_bytes), self.unread_bytes + len(wire)
        if self.reader and not was_full:
            self.reader.paused()

    def end(self, ending: ListenerEnded, farewell: Burst | None) -> None:
        self.reader = None
        self.ending = ending
        if farewell:
            self._unread += payloads_of(farewell.wire)
            if self._reads:
                self._read()
        self._something.set()

    async def ended(self) -> None:
        pass

    def stop_reading(self) -> None:
        self._reads = False

    def read_some(self) -> None:
        """Take a little, and stay full."""
        self.unread_bytes -= 1

    def read_again(self) -> None:
        """Take everything, and go on reading."""
        self._reads = True
        was_full, self.unread_bytes = bool(self.unread_bytes), 0
        self._read()
        if self.reader and was_full:
            self.reader.resumed()

    def go(self) -> None:
        """Drop the connection."""
        if self.reader:
            reader, self.reader = self.reader, None
            reader.lost(1006)

    async def until(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many messages were read, and return them."""
        async with asyncio.timeout(SECONDS):
            while len(self.told) < count:
                self._something.clear()
                await self._something.wait()
        return self.told

    async def until_ended(self) -> ListenerEnded:
        async with asyncio.timeout(SECONDS):
            while self.ending is None:
                self._something.clear()
                await self._something.wait()
        return self.ending

    @property
    def changes(self) -> list[dict[str, Any]]:
        """What was read of changes."""
        return [m for m in self.told if m["type"] in {"metrics", "moment", "stream", "removed"}]

    @property
    def counts(self) -> list[int]:
        """The `chat_count` of each window that was told, in order."""
        return [m["data"]["chat_count"] for m in self.changes if m["type"] == "metrics"]

    @property
    def position(self) -> Position:
        """Where it stands, by the last message."""
        return Position.parse(next(m["position"] for m in reversed(self.told) if m.get("position")))

    def doubled(self) -> list[str]:
        """Changes that were told more than once."""
        told = Counter(
            msgspec.json.encode((m["type"], m["data"]), order="sorted").decode() for m in self.changes
        )
        return [change for change, times in told.items() if times > 1]

    def _read(self) -> None:
        self.told += [msgspec.json.decode(payload) for payload in self._unread]
        self._unread.clear()
        self._something.set()


async def step_after(feed: ChangeFeed, position: Position | None) -> Step:
    """Read the step from a position to what is committed now."""
    steps = feed.steps(position)
    try:
        async with asyncio.timeout(SECONDS):
            return await anext(aiter(steps))
    finally:
        await steps.aclose()  # type: ignore[attr-defined]  # every feed's steps are a generator
