"""
uvicorn's WebSocket connection, handed to the application: the fan-out writes finished frames to it.

uvicorn takes such a class as `ws=`. Everything that the stock class does, this one does too; it offers itself as the
`Outlet` of an accepted socket, tells who writes to it how the client reads, and lets the application say good-bye before
the server does.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from telemetra.entrypoints.live.allowance import Allowance
from telemetra.entrypoints.live.ending import ListenerEnded
from telemetra.entrypoints.live.frames import Burst
from telemetra.entrypoints.live.lean import LeanEvent, LeanQueue
from telemetra.entrypoints.live.outlet import EXTENSION, FAREWELL_SECONDS, Reader
from telemetra.entrypoints.live.protocol import CloseCode

_KERNEL_BUFFER_BYTES: Final = 64 * 1024
"""The kernel would take megabytes for a client that reads nothing before anybody here learned of it; Linux doubles it."""

_CONTROL_FRAMES_PER_MINUTE: Final = 600
_MAX_FRAGMENTS: Final = 256
"""Of one message; the size of all of them together is bounded by the library."""

_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class LiveWebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection. It belongs to the loop's thread, like every protocol of asyncio."""

    write: Callable[[bytes], object]
    """The transport's own, around the library that builds frames one by one: whole text frames need no state of it."""

    _reader: Reader | None = None
    _cut: asyncio.TimerHandle | None = None
    _control_frames: Allowance | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Any = self
        own.queue, own.writable = LeanQueue[Any](), LeanEvent()
        self.writable.set()

    # --- The outlet ---------------------------------------------------------------------------------------------------

    @property
    def unread_bytes(self) -> int:
        """How much of what was written is still here."""
        return int(self.transport.get_write_buffer_size())

    def attach(self, reader: Reader) -> None:
        """Tell this one how the client reads, from now on."""
        if self.disconnected or self.close_sent or self.transport.is_closing():
            reader.lost(CloseCode.ABNORMAL)
            return
        self._reader = reader
        # The handshake is done; what it was about is kilobytes.
        own: Any = self
        own.request = own.response = None

    def end(self, ending: ListenerEnded, farewell: Burst | None) -> None:
        """Put the last word and the close frame behind what is still unread; cut off who does not take them."""
        self._reader = None
        if self.close_sent or self.disconnected:
            return
        if self.transport.is_closing():
            self._cut_soon()
            return
        self.stop_keepalive()
        if farewell:
            self.write(farewell.wire)
        self.conn.send_close(ending.code, ending.reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._read_to_the_end()

    async def ended(self) -> None:
        """Return: the connection ends by itself."""

    def _let_go(self, code: int) -> None:
        """Tell the reader that it must not write any more."""
        reader, self._reader = self._reader, None
        if reader:
            reader.lost(code)

    def _cut_soon(self) -> asyncio.TimerHandle:
        """Cut the connection, if it still stands in a while: closing it politely waits for a peer that reads nothing."""
        if self._cut is None or self._cut.cancelled():
            self._cut = self.loop.call_later(FAREWELL_SECONDS, self.transport.abort)
        return self._cut

    def _read_to_the_end(self) -> None:
        """Hear what the client has yet to say, its close frame at last, for a while."""
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        # While there is such a timer, the stock class leaves the connection to the closing handshake.
        self.close_timer = self._cut_soon()

    def _takes_control_frame(self) -> bool:
        """Whether a ping or pong is still within the rules; the connection ends where it is not."""
        if self.close_sent:
            return False
        if self._control_frames is None:
            self._control_frames = Allowance(_CONTROL_FRAMES_PER_MINUTE)
        if self._control_frames.take():
            return True
        self._break_off(ListenerEnded(CloseCode.POLICY, ("too_many_messages", "Too many pings a minute.")))
        return False

    def _break_off(self, ending: ListenerEnded) -> None:
        """End a client that breaks the rules of the protocol; the application hears that it is gone."""
        self._let_go(ending.code)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": ending.code})
        self.end(ending, None)

    # --- What uvicorn and the transport call --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.write = self.transport.write
        connection = transport.get_extra_info("socket")
        if connection is not None:
            with suppress(OSError):  # Gone already, as the next callback says.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not (self.handshake_initiated or self.close_sent):
            # The library did not read the handshake. The stock class neither says so nor lets go of the connection.
            self.transport.write(b"".join(self.conn.data_to_send()) or _BAD_REQUEST)
            self.close_sent = True
            self.transport.close()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        # The application's task has been made and has not run yet. There is no scope where the handshake was refused.
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][EXTENSION] = self

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._reader:
            self._reader.paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reader:
            self._reader.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go(CloseCode.ABNORMAL)
        if self._cut:
            self._cut.cancel()
        super().connection_lost(exc)

    def handle_close(self, event: Any) -> None:
        self._let_go(CloseCode.ABNORMAL if self.conn.close_rcvd is None else self.conn.close_rcvd.code)
        super().handle_close(event)
        self._cut_soon()

    def handle_parser_exception(self) -> None:
        if self.close_sent:
            return
        close: Any = self.conn.close_sent
        self._let_go(close.code)
        self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # The stock class closes at once: with something yet to be read that resets the connection, and the close frame is lost.
        self._read_to_the_end()

    def handle_ping(self) -> None:
        pong = b"".join(self.conn.data_to_send())
        # To one that does not read pongs are not piled up (RFC 6455, 5.5.3: only the last ping need be answered).
        if self._takes_control_frame() and self.writable.is_set():
            self.transport.write(pong)

    def handle_pong(self, event: Any) -> None:
        if self._takes_control_frame():
            super().handle_pong(event)

    def handle_cont(self, event: Any) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= _MAX_FRAGMENTS:
            self.frames = []
            self._break_off(ListenerEnded(CloseCode.TOO_LARGE, ("message_invalid", "Too many fragments.")))
        elif event.data or event.fin:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.close_sent or self.conn.state is not State.OPEN:
            # What was sent behind a close frame, of either side, is nobody's.
            self.frames = []
            return
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                # The stock class writes a traceback for it, and any client can send it.
                self.frames = []
                self.conn.send_close(CloseCode.BAD_TEXT)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def send_keepalive_ping(self) -> None:
        if self.writable.is_set():
            super().send_keepalive_ping()
        else:
            # It would wait behind what the client has yet to read, and tell nothing.
            self.schedule_ping()

    def keepalive_timeout(self) -> None:
        if not self.writable.is_set():
            # Still draining: whoever writes to it decides how long that may take.
            self.pong_timer = None
            self.pending_ping_payload = None
            self.schedule_ping()
            return
        self._let_go(CloseCode.ABNORMAL)
        super().keepalive_timeout()
        self._cut_soon()

    def shutdown(self) -> None:
        """Let the application say good-bye first: the stock class sends everybody the same bare 1012."""
        if self._reader:
            self._reader.draining()
        if self.close_sent:
            return
        if self.disconnected or self.transport.is_closing():
            # The client has said good-bye, and does not read ours.
            self.stop_keepalive()
            self.transport.abort()
            return
        super().shutdown()
        self._cut_soon()
