"""
The sending of an export: a page is read, written and compressed in a turn of its own, and sent at the client's pace.

Between two pages nothing is held but a few hundred kilobytes: no connection of the database's, no transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

import structlog
from litestar import Request, Response

from telemetra.domain.errors import DatabaseUnavailable, TelemetraError
from telemetra.domain.positions import Position
from telemetra.entrypoints.asgi import BREAK_OFF, WITHOUT_BODY, Receive, Scope, Send
from telemetra.entrypoints.http.answers import CACHE_CONTROL, VARY
from telemetra.entrypoints.http.codings import Packer, packer, preferred_coding
from telemetra.entrypoints.http.exports.pages import Pages
from telemetra.entrypoints.http.headers import POSITION, headers_named

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

PACE_STATE: Final = "export_pace"
"""Where the application's state has the pace of its exports."""
_PAGES_AT_ONCE: Final = 2
"""One is written while another is read. More would keep those waiting who ask for little."""
_ROWS_AT_ONCE: Final = 200
"""Written in one piece of work of a millisecond or two."""
_PATIENCE_SECONDS: Final = 5.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class Pace:
    """How the exports of one process share it; `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.turns = asyncio.Semaphore(_PAGES_AT_ONCE)
        """To read a page and write it."""


class Writer(Protocol[T_contra]):
    """Makes an export's body of rows that come in pages."""

    def begin(self) -> bytes:
        """Return what stands before all rows."""
        ...

    def rows(self, rows: Sequence[T_contra]) -> bytes:
        """Return what is known of the body with these rows."""
        ...

    def end(self) -> bytes:
        """Return what stands after the last row."""
        ...


def example_of(writer: Writer[T], rows: Sequence[T]) -> str:
    """Return the body of these rows alone."""
    return (writer.begin() + writer.rows(rows) + writer.end()).decode()


class ExportBrokenOff(Exception):
    """An export can't go on, and its client has a part of it: only the end of the connection tells it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export(Generic[T]):
    """An export whose first page was read: whatever would have been refused has been."""

    pages: Pages[Any, T]
    writer: Writer[T]
    position: Position
    """From here on updates go on without a gap."""
    media_type: str
    disposition: str


class ExportResponse(Response[None]):
    """The answer that an export is; HEAD is told the same headers."""

    def __init__(self, export: Export[Any]) -> None:
        super().__init__(None)
        self._export = export

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> Any:  # noqa: ARG002
        """Return what sends it."""
        coding = preferred_coding(map(str.encode, headers_named(request.scope, b"accept-encoding")))
        return _Sending(self._export, coding, request.app.state[PACE_STATE])


@dataclass(slots=True)
class _Sending:
    """One export on its way."""

    export: Export[Any]
    coding: bytes
    pace: Pace
    packer: Packer = field(init=False)
    told_rows: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; when the client goes away, no other page is read."""
        await send({"type": "http.response.start", "status": 200, "headers": self._headers()})
        if WITHOUT_BODY in scope:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        self.packer = packer(self.coding)
        gone = asyncio.create_task(_until_gone(receive), name="export-client")
        try:
            await self._send_body(send, gone)
        except OSError:
            # So do some servers say that the client is gone.
            return
        except Exception as error:  # noqa: BLE001  (whatever it is, the client has half an answer)
            self._note(error)
            await _break_off(scope, gone, error)
        finally:
            gone.cancel()

    def _headers(self) -> list[tuple[bytes, bytes]]:
        export = self.export
        headers = {
            "content-type": export.media_type,
            "content-disposition": export.disposition,
            "cache-control": CACHE_CONTROL,
            "vary": VARY,
            POSITION.lower(): str(export.position),
        }
        if self.coding:
            headers["content-encoding"] = self.coding.decode()
        return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    async def _send_body(self, send: Send, gone: asyncio.Task[None]) -> None:
        export = self.export
        before = export.writer.begin()
        while not export.pages.is_over:
            for piece in await self._next(gone, before):
                if not gone.done():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            if gone.done():
                return
            before = b""
        last = export.writer.end()
        body = (self.packer.add(last) if last else b"") + self.packer.end()
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _next(self, gone: asyncio.Task[None], before: bytes) -> list[bytes]:
        """
        Return what the next page comes to, behind `before`; nothing, when the client is gone.

        A database that is away is asked again for some seconds.
        """
        until, pause = self.pace.clock() + _PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS
        while not gone.done():
            try:
                async with self.pace.turns:
                    return await self._written(await self.export.pages.read(), before)
            except DatabaseUnavailable:
                if self.pace.clock() >= until:
                    raise
                await asyncio.wait({gone}, timeout=pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return []

    async def _written(self, rows: Sequence[Any], before: bytes) -> list[bytes]:
        """Return the pieces of the body that these rows come to; others have their turn between two."""
        pieces = []
        for first in range(0, max(len(rows), 1), _ROWS_AT_ONCE):
            if data := before + self.export.writer.rows(rows[first : first + _ROWS_AT_ONCE]):
                pieces.append(self.packer.add(data))
            before = b""
            await asyncio.sleep(0)
        self.told_rows += len(rows)
        return pieces

    def _note(self, error: Exception) -> None:
        """Leave the line that tells an operator."""
        if isinstance(error, TelemetraError):
            _log.error("export_broken_off", code=error.code, reason=str(error), rows=self.told_rows)
        else:
            _log.error("http_request_failed", exc_info=error)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _break_off(scope: Scope, gone: asyncio.Task[None], error: Exception) -> None:
    """End the connection within the answer, and return when it has ended; no client takes the part for the whole."""
    end = (scope.get("extensions") or {}).get(BREAK_OFF)
    if end is None:
        # A server that has no such door ends it for any error.
        raise ExportBrokenOff from error
    end()
    await gone
