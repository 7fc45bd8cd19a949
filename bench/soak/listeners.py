"""
Listeners as the README wants them: they keep their last position, come back with it, and wait as they are told.

Each follows one stream through any number of connections to either service. A service that refuses or is silent is left
for the other; and each leaves by itself now and then, so that the crowd spreads again after a restart.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Final, cast

from bench.live.frames import CLOSE, END_OF_HEAD, FIN, PING, TEXT, FrameReader, client_pong, upgrade_request
from bench.soak.incidents import Incident
from bench.soak.options import HEARTBEAT_SECONDS
from bench.soak.told import Held, Message, Stream, Tally

_CONNECT_SECONDS: Final = 10.0
_ADVICE: Final = re.compile(rb"reconnect_after_ms=(\d+)")
_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 5.0


@dataclass(slots=True)
class Crowd:
    """What all listeners share."""

    ports: list[int]
    seed: int
    tally: Tally = field(default_factory=Tally)
    connected: list[int] = field(default_factory=lambda: [0, 0])
    latencies: list[float] = field(default_factory=list)
    """From just before a commit to a listener that was there by then, in seconds; emptied by who reports."""
    incidents: list[Incident] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class End:
    """How a connection ended."""

    kind: str
    advised_seconds: float | None = None


class Listener:
    """One that follows a stream for ever."""

    def __init__(self, number: int, stream: Stream, crowd: Crowd) -> None:
        self.stands = False
        """Whether it has what the stream's snapshot told."""
        self.at_end = False
        self.held = Held(f"listener {number}", stream)
        self.stream = stream
        self._crowd = crowd
        self._random = Random(crowd.seed + number)
        self._service = number % len(crowd.ports)
        self._position: str | None = None
        self._failures = 0
        self._connection: _Connection | None = None

    async def follow(self) -> None:
        """Listen until cancelled."""
        try:
            while True:
                began = monotonic()
                end = await self._visit()
                self._note(end, began)
                if end.kind in {"refused", "silence", "no handshake"} or end.kind.startswith("handshake"):
                    self._service = 1 - self._service
                elif end.kind != "left":
                    self._service = self._random.randrange(len(self._crowd.ports))
                await asyncio.sleep(self._pause(end))
        finally:
            if self._connection:
                self._connection.cut("left")

    def look(self, now: float, *, leaving: float) -> None:
        """Give up a connection that is silent for two beats, or, as likely as told, any."""
        connection = self._connection
        if connection is None or not connection.is_open:
            return
        if now - connection.heard_at > 2 * HEARTBEAT_SECONDS:
            connection.cut("silence")
        elif self._random.random() < leaving:
            self._crowd.tally.cuts += 1
            self._service = 1 - self._service
            connection.cut("left")

    async def _visit(self) -> End:
        loop = asyncio.get_running_loop()
        path = f"/ws/live/{self.stream.stream_id}"
        if self._position is not None:
            path += f"?since={self._position}"
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: _Connection(upgrade_request(path), self._take),
                    "127.0.0.1",
                    self._crowd.ports[self._service],
                )
        except TimeoutError:
            return End("no handshake")
        except OSError:
            return End("refused")
        self._connection = connection
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.opened
        except TimeoutError:
            connection.cut("no handshake")
        self._crowd.connected[self._service] += connection.is_open
        was_open = connection.is_open
        service = self._service
        try:
            return await connection.ended
        finally:
            self._crowd.connected[service] -= was_open
            self._connection = None

    def _note(self, end: End, began: float) -> None:
        self._crowd.tally.ends[end.kind] += 1
        if end.kind != "left":
            now = monotonic()
            # A connection fails when it ends, and not while it stands.
            began = began if end.kind in {"refused", "no handshake"} else now
            what = f"{self.stream.stream_id}, {self.held.name}"
            self._crowd.incidents.append(
                Incident(began=began, ended=now, service=self._service, kind=end.kind, what=what)
            )

    def _pause(self, end: End) -> float:
        if end.kind == "left":
            return 0.0
        longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 10))
        self._failures += 1
        jitter = self._random.uniform(0, longest)
        return (
            jitter if end.advised_seconds is None else max(end.advised_seconds, jitter * (self._failures > 1))
        )

    def _take(self, payload: bytes, now: float, connected_at: float) -> None:
        message = self.stream.read(payload)
        tally = self._crowd.tally
        tally.messages += 1
        match message.kind:
            case "metrics" | "moment" | "stream" | "removed":
                tally.changes += 1
                self.held.take(message, self._position)
                if message.stamp > connected_at:
                    self._crowd.latencies.append(now - message.stamp)
                self.at_end = self.at_end or message.ends
                self._failures = 0
            case "snapshot":
                self.held.begin(message)
                self.stands = True
                self._failures = 0
            case "connected":
                self._begin(message)
            case "heartbeat":
                self._failures = 0
            case _:
                tally.ends[f"{message.kind} {message.detail}"] += 1
        self._position = message.position or self._position

    def _begin(self, message: Message) -> None:
        resumed, _ = message.detail
        if self.stands and not resumed:
            self._crowd.tally.resets += 1
            self._crowd.tally.fault(f"reset: {self.held.name}, since {self._position}")
            self.held.was_reset = True


class _Connection(asyncio.Protocol):
    """One connection, from the handshake to its end."""

    def __init__(self, request: bytes, take: Callable[[bytes, float, float], None]) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[End] = loop.create_future()
        self.heard_at = monotonic()
        self._connected_at = 0.0
        self._request = request
        self._take = take
        self._head = b""
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done, and the end has not come."""
        return self._connected_at > 0 and not self.ended.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.ended.done():
            return
        now = self.heard_at = monotonic()
        if not self._connected_at:
            self._head += data
            head, end, data = self._head.partition(END_OF_HEAD)
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.cut(f"handshake {head[9:12].decode(errors='replace')}")
                return
            self._connected_at = now
            self.opened.set_result(None)
        for opcode, payload in self._reader.feed(data):
            if self.ended.done():
                return
            if opcode == TEXT:
                self._take(payload, now, self._connected_at)
            elif opcode == PING:
                self._write(client_pong(payload))
            elif opcode == CLOSE:
                self._say_goodbye(payload)

    def connection_lost(self, _: Exception | None) -> None:
        self._end(End("cut" if self._connected_at else "handshake cut"))

    def cut(self, kind: str) -> None:
        """Drop it without a word, as a lost network does."""
        self._end(End(kind))
        if self._transport:
            self._transport.abort()

    def _say_goodbye(self, payload: bytes) -> None:
        code = int.from_bytes(payload[:2]) if payload else 1005
        advice = _ADVICE.search(payload)
        self._write(bytes((FIN | CLOSE, FIN | len(payload))) + bytes(4) + payload)
        self._end(End(f"closed {code}", int(advice[1]) / 1000 if advice else None))
        if self._transport:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)

    def _end(self, end: End) -> None:
        if not self.ended.done():
            self.ended.set_result(end)
        if not self.opened.done():
            self.opened.set_result(None)
