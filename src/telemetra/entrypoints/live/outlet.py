"""The way out to one client: whole messages, with a bound on how long it may take nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final

from litestar.connection import WebSocket
from litestar.exceptions import WebSocketDisconnect

from telemetra.entrypoints.live.ending import ListenerEnded
from telemetra.entrypoints.live.hub import utc_now
from telemetra.entrypoints.live.protocol import CloseCode, ErrorMessage, encode

_FAREWELL_SECONDS: Final = 1.0
_NO_STATUS: Final = 1005


class Outlet:
    """
    Sends to one accepted socket, from any task of its loop.

    The server's `send` waits while the client's buffer is full, which is the backpressure; here it gets a bound.
    """

    def __init__(self, socket: WebSocket[Any, Any, Any], stream_id: str, *, stall_seconds: float) -> None:
        self._socket = socket
        self._stream_id = stream_id
        self._stall_seconds = stall_seconds
        self._clock = asyncio.get_running_loop().time
        self._last_sent = self._clock()
        self.sent = 0
        """Messages so far."""

    @property
    def silent_seconds(self) -> float:
        """How long nothing was sent."""
        return self._clock() - self._last_sent

    async def send(self, payload: bytes) -> None:
        """
        Send one message.

        Raises:
            ListenerEnded: the client is gone, or took nothing for too long.

        """
        try:
            async with asyncio.timeout(self._stall_seconds):
                await self._socket.send(
                    {"type": "websocket.send", "text": payload.decode(), "bytes": None},
                )
        except TimeoutError as error:
            detail = "Nothing was read for too long; resume with the last position."
            raise ListenerEnded(CloseCode.TOO_SLOW, ("too_slow", detail)) from error
        except (OSError, RuntimeError, WebSocketDisconnect) as error:
            # ASGI says OSError; servers also say RuntimeError where they closed the socket themselves.
            raise ListenerEnded(_NO_STATUS, gone=True) from error
        self._last_sent = self._clock()
        self.sent += 1

    async def close(self, ending: ListenerEnded) -> None:
        """Tell the client why it ends, where it still listens, and close; never takes long, never raises."""
        if ending.gone:
            return
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                if ending.error:
                    await self.send(self.error(*ending.error, now=utc_now()))
                await self._socket.close(ending.code, ending.reason)
        except (OSError, RuntimeError, WebSocketDisconnect, ListenerEnded):
            # Gone meanwhile, or stalled: a close frame waits behind what the client does not read. The server
            # closes the connection when the handler returns.
            return

    def error(self, code: str, detail: str, *, now: datetime) -> bytes:
        """Encode an `error` message."""
        return encode(ErrorMessage(stream_id=self._stream_id, timestamp=now, code=code, detail=detail))
