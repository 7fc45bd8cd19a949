"""
uvicorn's HTTP connection, with bounds: what has no end is not kept, and what can't be read is refused in our words.

uvicorn takes such a class as `http=`. By itself it keeps the lines of a head as long as they come, for as long as they take,
and its parser knows no bound either; nor does it bound the number of connections but together with the listeners'.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

import structlog
from litestar.exceptions import HTTPException
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from telemetra.domain.errors import TooManyConnections
from telemetra.entrypoints.asgi import BREAK_OFF
from telemetra.entrypoints.http.headers import REQUEST_ID
from telemetra.entrypoints.http.refusals import Refusals
from telemetra.entrypoints.http.request_log import made_request_id
from telemetra.entrypoints.lifespan import CONNECTIONS, HttpConnections

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of a request's line and headers; counted by what is read at once, so that it may be a read more."""
MAX_REQUEST_BYTES: Final = 1024 * 1024
"""Of all of a request. Nothing here has a use for bodies, and the answer does not wait for them."""

HEAD_SECONDS: Final = 10.0
"""A request's line and headers have to be here by then."""

_LINGER_SECONDS: Final = 1.0
_ROOM_AGAIN: Final = 0.9
"""Of the connections that there may be: above that the next refusal is no news."""
_HEAD_TOO_LARGE: Final = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE

_REASONS: Final[dict[HTTPStatus, str]] = {
    HTTPStatus.SERVICE_UNAVAILABLE: TooManyConnections.code,
    HTTPStatus.BAD_REQUEST: "bad_request",
    HTTPStatus.REQUEST_TIMEOUT: "request_timeout",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "too_large",
}
"""What each refusal is counted by."""

_refusals: Final = Refusals()
_log = structlog.get_logger(__name__)


class HttpConnection(HttpToolsProtocol):
    """
    One connection. It belongs to the loop's thread, like every protocol of asyncio.

    uvicorn's `limit_concurrency` bounds these alone: a listener's connection is none of them.
    """

    _unfinished_bytes = 0
    """How much came since the last head was complete."""
    _is_refused = False
    _head_timer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_connections, self.limit_concurrency = self.limit_concurrency, None
        state: Any = self.server_state
        self._all: set[HttpConnection] = state.__dict__.setdefault("http_connections", set())
        """Those of the same server that are open."""
        self._told: HttpConnections = self.app_state.get(CONNECTIONS) or HttpConnections()
        self._told.most = self._max_connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._extensions = {BREAK_OFF: transport.close}
        if self._max_connections is not None and len(self._all) >= self._max_connections:
            if not self._told.is_full:
                self._told.is_full = True
                _log.warning("http_connections_full", max=self._max_connections)
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._all.add(self)
        self._told.open = len(self._all)
        # One that connects and says nothing is to go, too.
        self._await_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        before: Any = self.cycle
        self._unfinished_bytes += len(data)
        super().data_received(data)
        if self not in self._all:
            # Refused meanwhile, or a listener's from now on.
            return
        if self.cycle is not before:
            self._unfinished_bytes = 0
            self._end_waiting()
            if self.cycle.more_body:
                # The rest of a body has as long as a head.
                self._await_more()
            return
        if not self._unfinished_bytes:
            # The body is whole, and no other head has begun.
            return
        self._await_more()
        if before is None or not before.more_body:
            if self._unfinished_bytes > MAX_HEAD_BYTES:
                self._refuse(_HEAD_TOO_LARGE)
        elif self._unfinished_bytes > MAX_REQUEST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: Any = self.scope
        scope["extensions"] = self._extensions

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.cycle is not None:
            # The stock class does not look once it has answered.
            self.cycle.more_body = False
        parser: Any = self.parser
        if not parser.should_upgrade():
            # How large a handshake was is asked next.
            self._unfinished_bytes = 0
        self._end_waiting()

    def handle_websocket_upgrade(self) -> None:
        if self._unfinished_bytes > MAX_HEAD_BYTES:
            self._refuse(_HEAD_TOO_LARGE)
            return
        # From here on it is a listener's, and counted with those.
        self._leave()
        super().handle_websocket_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        """Answer without the upgrade (RFC 9110, section 7.8): that is nothing an operator has to be warned of."""

    def _await_more(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._end_slow)

    def _end_waiting(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    def _end_slow(self) -> None:
        self._head_timer = None
        if self._unfinished_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif not self.transport.is_closing():
            self.transport.close()

    def _leave(self) -> None:
        self._all.discard(self)
        self._end_waiting()
        told = self._told
        told.open = len(self._all)
        if told.is_full and told.open <= _ROOM_AGAIN * (told.most or 0):
            told.is_full = False
            _log.info("http_connections_free_again", open=told.open)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (what the stock class would say)
        """Refuse what the parser does not take; its own bound is that of a path."""
        is_large = self._unfinished_bytes > MAX_HEAD_BYTES
        self._refuse(_HEAD_TOO_LARGE if is_large else HTTPStatus.BAD_REQUEST)

    def _refuse(self, status: HTTPStatus) -> None:
        """
        Read no more, and say why, unless an answer is under way, or the client has all of one: then that is the last.

        What was asked for before is answered; a request whose own body is wrong is not, if that is known in time.
        """
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self._leave()
        cycle: Any = self.cycle
        is_its_own_body = cycle is not None and cycle.more_body
        if cycle is None or (cycle.response_complete and not is_its_own_body):
            self._say(status)
        elif cycle.response_complete:
            self.transport.close()
        elif is_its_own_body and self.pipeline:
            # Those before it are answered; then nobody asks for more, and the connection ends for it.
            self.pipeline.popleft()
        elif is_its_own_body and not cycle.response_started:
            cycle.disconnected = True
            cycle.message_event.set()
            self._say(status)
        else:
            cycle.keep_alive = False

    def _say(self, status: HTTPStatus) -> None:
        name = made_request_id()
        error = TooManyConnections() if status == HTTPStatus.SERVICE_UNAVAILABLE else None
        refusal = _refusals.refuse(error or HTTPException(status_code=status), name)
        headers = [
            *self.server_state.default_headers,
            *refusal.headers,
            (b"content-length", b"%d" % len(refusal.body)),
            (REQUEST_ID.lower().encode(), name.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        lines = b"".join(field + b": " + value + b"\r\n" for field, value in headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + refusal.body)
        peer = self.client[0] if self.client else ""
        self._told.refused[_REASONS[status]] += 1
        _log.info("http_request_unreadable", status=int(status), request_id=name, client=peer)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # To close on what has yet to be read would reset the connection, and the client might lose the answer.
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
