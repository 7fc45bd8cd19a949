"""
The way out to one client: written to at once, with a word when the client does not keep up.

`SendOutlet` works on any ASGI server. A server that hands the connection itself to the application, by the extension
`EXTENSION` in the scope, spares a task and a copy for every listener: `transport.py` has uvicorn's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from telemetra.entrypoints.asgi import ReadScope, Send
from telemetra.entrypoints.live.ending import ListenerEnded
from telemetra.entrypoints.live.frames import Burst, payloads_of
from telemetra.entrypoints.live.protocol import CloseCode

EXTENSION: Final = "telemetra.outlet"
"""Under this name in the scope's `extensions` a server offers an `Outlet` for an accepted WebSocket."""

_HIGH_WATER_BYTES: Final = 64 * 1024
_LOW_WATER_BYTES: Final = 16 * 1024
FAREWELL_SECONDS: Final = 2.0
"""How long a client may take to read what is left, and the close frame, before it is cut off."""


class Reader(Protocol):
    """Who writes to an outlet, and is told how the client reads. All of it in the loop's thread, between callbacks."""

    def paused(self) -> None:
        """Hear that the client does not keep up: write no more until `resumed`."""
        ...

    def resumed(self) -> None:
        """Hear that most of what was written is out."""
        ...

    def lost(self, code: int) -> None:
        """Hear that the connection is gone or closing (its close code): nothing can be written any more."""
        ...

    def draining(self) -> None:
        """Hear that the server goes away, while there is still time to say so."""
        ...


class Outlet(Protocol):
    """One accepted WebSocket."""

    def attach(self, reader: Reader) -> None:
        """Tell this one from now on; called once."""
        ...

    @property
    def write(self) -> Callable[[bytes], object]:
        """
        What writes whole frames (`Burst.wire`), at once.

        What the client has yet to read is kept, so whoever was told `paused` holds back. A function and not a method:
        the fan-out calls it ten thousand times in a row, and every object on the way to it would be fetched as often.
        """
        ...

    def end(self, ending: ListenerEnded, farewell: Burst | None) -> None:
        """
        Write `farewell` and the close frame, and let go of the connection when that takes too long.

        Nothing is written after it, and the reader hears no more.
        """
        ...

    async def ended(self) -> None:
        """Wait, not for long, until the application may return: a server closes the connection then."""
        ...

    @property
    def unread_bytes(self) -> int:
        """How much the server holds that the client has yet to read."""
        ...


def open_outlet(scope: ReadScope, send: Send) -> Outlet:
    """Return the server's own outlet for this accepted WebSocket, or one over ASGI's `send`."""
    offered: Outlet | None = (scope.get("extensions") or {}).get(EXTENSION)
    return offered or SendOutlet(send)


class SendOutlet:
    """
    An outlet over ASGI's `send`, which waits while the client's buffer is full.

    Holds a little more than 64 KiB and a burst; a task of its own sends it. ASGI has no way to cut a connection: one
    that reads nothing any more is closed as its server closes those whose application returns.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._unsent: deque[bytes] = deque()
        self._unread_bytes = 0
        self._reader: Reader | None = None
        self._paused = False
        self._sending: asyncio.Task[None] | None = None
        self._ending: ListenerEnded | None = None

    @property
    def unread_bytes(self) -> int:
        return self._unread_bytes

    def attach(self, reader: Reader) -> None:
        self._reader = reader

    def write(self, wire: bytes) -> None:
        if self._ending:
            return
        payloads = list(payloads_of(wire))
        self._unsent.extend(payloads)
        self._unread_bytes += sum(map(len, payloads))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all(), name="live-send")
        if self._unread_bytes > _HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            if self._reader:
                self._reader.paused()

    def end(self, ending: ListenerEnded, farewell: Burst | None) -> None:
        if self._ending:
            return
        if farewell:
            self.write(farewell.wire)
        self._ending, self._reader = ending, None
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all(), name="live-send")
        sending = self._sending
        # What it does not read by then it does not get: the server closes when the application returns.
        asyncio.get_running_loop().call_later(FAREWELL_SECONDS, sending.cancel)

    async def ended(self) -> None:
        if self._sending:
            if not self._ending:
                # The client is gone.
                self._sending.cancel()
            await asyncio.wait({self._sending})

    async def _send_all(self) -> None:
        try:
            while self._unsent:
                payload = self._unsent.popleft()
                await self._send({"type": "websocket.send", "text": payload.decode(), "bytes": None})
                self._unread_bytes -= len(payload)
                self._tell_resumed()
            if self._ending:
                await self._send(
                    {
                        "type": "websocket.close",
                        "code": int(self._ending.code),
                        "reason": self._ending.reason,
                    }
                )
        except Exception:  # noqa: BLE001  (ASGI says OSError for a client that is gone; servers say what they like)
            self._tell_lost()
        finally:
            self._sending = None

    def _tell_resumed(self) -> None:
        if self._paused and self._unread_bytes <= _LOW_WATER_BYTES:
            self._paused = False
            if self._reader:
                self._reader.resumed()

    def _tell_lost(self) -> None:
        if self._reader:
            self._reader.lost(CloseCode.ABNORMAL)
