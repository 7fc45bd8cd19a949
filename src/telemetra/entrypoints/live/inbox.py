"""One listener's receiving side: pings, and the patience with everything else. Without it nobody hears a disconnect."""

from __future__ import annotations

from typing import Any, NoReturn

from telemetra.entrypoints.asgi import Receive
from telemetra.entrypoints.live.allowance import Allowance
from telemetra.entrypoints.live.ending import ListenerEnded, client_gone
from telemetra.entrypoints.live.frames import Burst
from telemetra.entrypoints.live.hub import utc_now
from telemetra.entrypoints.live.listener import Listener, error_burst
from telemetra.entrypoints.live.protocol import ClientMessageInvalid, CloseCode, decode_client, encode
from telemetra.live_messages import PongMessage


class Inbox:
    """Reads what one client sends, as long as it stays within the rules."""

    __slots__ = ("_allowance", "_listener", "_receive", "_warned")

    def __init__(self, receive: Receive, listener: Listener, *, per_minute: int) -> None:
        self._receive = receive
        self._listener = listener
        self._allowance = Allowance(per_minute)
        self._warned = False

    async def run(self) -> NoReturn:
        """
        Answer pings until the client goes or breaks the rules.

        Raises:
            ListenerEnded: always, in the end.

        """
        while True:
            text = await self._next()
            if not self._allowance.take():
                raise ListenerEnded(CloseCode.POLICY, ("too_many_messages", "Too many messages a minute."))
            try:
                decode_client(text)
            except ClientMessageInvalid as error:
                self._complain(str(error))
            else:
                pong = PongMessage(stream_id=self._listener.stream_id, timestamp=utc_now())
                self._listener.say(Burst([encode(pong)]))

    async def _next(self) -> str | None:
        """Return a message's text, None for a binary one."""
        event: Any = await self._receive()
        if event["type"] == "websocket.disconnect":
            raise client_gone(event.get("code") or CloseCode.NO_STATUS)
        text = event.get("text")
        return text if isinstance(text, str) else None

    def _complain(self, detail: str) -> None:
        """Say what is wrong, the first time; the second time that is the end."""
        if self._warned:
            raise ListenerEnded(CloseCode.POLICY, ("message_invalid", detail))
        self._warned = True
        self._listener.say(error_burst(self._listener.stream_id, "message_invalid", detail, now=utc_now()))
