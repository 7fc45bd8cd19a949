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
        super().data_received(data)
        if self.cycle is not before:
            self._unfinished_bytes = 0
        else:
            self._unfinished_bytes += len(data)
            if self._unfinished_bytes > MAX_HEAD_BYTES:
                self._bound()

    def _bound(self) -> None:
        """End a connection whose request has become too large, with a word where none was said or is being said."""
        cycle: Any = self.cycle
        if cycle is not None and cycle.more_body:
            if self._unfinished_bytes > MAX_REQUEST_BYTES:
                self.transport.close()
        elif cycle is None or cycle.response_complete:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (what the stock class would say)
        """Refuse what the parser does not take."""
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _refuse(self, status: HTTPStatus) -> None:
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
        self._is_refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # To close on what has yet to be read would reset the connection, and the client might lose the answer.
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
