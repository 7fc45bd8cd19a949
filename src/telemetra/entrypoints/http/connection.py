"""
uvicorn's HTTP connection, with bounds: what has no end is not kept, and what can't be read is refused in our words.

uvicorn takes such a class as `http=`. By itself it keeps the lines of a head as long as they come, and its parser knows no
bound either.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import structlog
from litestar.exceptions import HTTPException
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from telemetra.entrypoints.http.headers import REQUEST_ID
from telemetra.entrypoints.http.refusals import Refusals
from telemetra.entrypoints.http.request_log import made_request_id

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of a request's line and headers; counted by what is read at once, so that it may be a read more."""
MAX_REQUEST_BYTES: Final = 1024 * 1024
"""Of all of a request. Nothing here has a use for bodies, and the answer does not wait for them."""

_LINGER_SECONDS: Final = 1.0
_HEAD_TOO_LARGE: Final = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE

_refusals: Final = Refusals()
_log = structlog.get_logger(__name__)


class HttpConnection(HttpToolsProtocol):
    """One connection. It belongs to the loop's thread, like every protocol of asyncio."""

    _unfinished_bytes = 0
    """How much came since the last head was complete."""
    _is_refused = False

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        before: Any = self.cycle
        self._unfinished_bytes += len(data)
        super().data_received(data)
        if self.cycle is not before:
            self._unfinished_bytes = 0
        elif before is None or not before.more_body:
            if self._unfinished_bytes > MAX_HEAD_BYTES:
                self._refuse(_HEAD_TOO_LARGE)
        elif self._unfinished_bytes > MAX_REQUEST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

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
        refusal = _refusals.refuse(HTTPException(status_code=status), name)
        headers = [
            *self.server_state.default_headers,
            *refusal.headers,
            (b"content-length", b"%d" % len(refusal.body)),
            (REQUEST_ID.lower().encode(), name.encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(field + b": " + value + b"\r\n" for field, value in headers)
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + refusal.body)
        _log.info("http_request_unreadable", status=int(status), request_id=name)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # To close on what has yet to be read would reset the connection, and the client might lose the answer.
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
