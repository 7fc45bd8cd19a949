"""One listener's receiving side: pings, and the patience with everything else. Without it nobody hears a disconnect."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final, NoReturn

from litestar.connection import WebSocket
from litestar.exceptions import WebSocketDisconnect

from telemetra.entrypoints.live.ending import ListenerEnded
from telemetra.entrypoints.live.hub import utc_now
from telemetra.entrypoints.live.outlet import Outlet
from telemetra.entrypoints.live.protocol import (
    ClientMessageInvalid,
    CloseCode,
    PongMessage,
    decode_client,
    encode,
)

_NO_STATUS: Final = 1005


class Allowance:
    """A token bucket: so many a minute, all of them at once if need be."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._per_minute = per_minute
        self._left = float(per_minute)
        self._clock = clock
        self._filled = clock()

    def take(self) -> bool:
        """Take one, or learn that none is left."""
        now = self._clock()
        self._left = min(self._per_minute, self._left + (now - self._filled) * self._per_minute / 60)
        self._filled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Inbox:
    """Reads what one client sends, as long as it stays within the rules."""

    def __init__(
        self, socket: WebSocket[Any, Any, Any], outlet: Outlet, stream_id: str, *, per_minute: int
    ) -> None:
        self._socket = socket
        self._outlet = outlet
        self._stream_id = stream_id
        self._allowance = Allowance(per_minute)
        self._warned = False

    async def run(self) -> NoReturn:
        """
        Answer pings until the client goes or breaks the rules.

        Raises:
            ListenerEnded: always, in the end.

        """
        while True:
            text = await self._receive()
            if not self._allowance.take():
                raise ListenerEnded(CloseCode.POLICY, ("too_many_messages", "Too many messages a minute."))
            try:
                decode_client(text)
            except ClientMessageInvalid as error:
                await self._complain(str(error))
            else:
                pong = PongMessage(stream_id=self._stream_id, timestamp=utc_now())
                await self._outlet.send(encode(pong))

    async def _receive(self) -> str | None:
        """Return a message's text, None for a binary one."""
        try:
            event: Any = await self._socket.receive()
        except WebSocketDisconnect as error:
            raise ListenerEnded(_NO_STATUS, gone=True) from error
        if event["type"] == "websocket.disconnect":
            raise ListenerEnded(event.get("code") or _NO_STATUS, gone=True)
        text = event.get("text")
        return text if isinstance(text, str) else None

    async def _complain(self, detail: str) -> None:
        """Say what is wrong, the first time; the second time that is the end."""
        if self._warned:
            raise ListenerEnded(CloseCode.POLICY, ("message_invalid", detail))
        self._warned = True
        await self._outlet.send(self._outlet.error("message_invalid", detail, now=utc_now()))
