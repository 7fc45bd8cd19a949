"""
The shortest way: the answer to a plain GET leaves from the outermost layer, with all that the layers inside would have added.

Whatever is not plain (another method, a required position, a trace, `no-cache`) and whatever is no read that can be understood goes
through the layers; what they do to an answer is done here by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

import structlog

from telemetra.entrypoints.access.gate import Gate
from telemetra.entrypoints.access.layer import VERDICT, marked
from telemetra.entrypoints.asgi import App, ReadScope, Receive, Scope, Send
from telemetra.entrypoints.cache.entries import Entry, Headers
from telemetra.entrypoints.cache.layer import CachedReads, Failure, Wishes, is_too_wide, spelling_of
from telemetra.entrypoints.cache.questions import Question
from telemetra.entrypoints.clients import address_of
from telemetra.entrypoints.http.codings import preferred_coding
from telemetra.entrypoints.http.cross_origin import CrossOrigin
from telemetra.entrypoints.http.exports.forms import accepts_json_best
from telemetra.entrypoints.http.headers import POSITION, REQUEST_ID
from telemetra.entrypoints.http.refusals import Refusals
from telemetra.entrypoints.http.request_log import (
    CLIENT_WENT_AWAY,
    made_request_id,
    sane_request_id,
    shown_path,
)
from telemetra.entrypoints.meters import Meters
from telemetra.entrypoints.route_names import RouteNames
from telemetra.logging import log_request

_POSITION: Final = POSITION.lower().encode()
_REQUEST_ID: Final = REQUEST_ID.lower().encode()
_NOT_PLAIN: Final = frozenset({_POSITION, b"traceparent"})
_ONCE: Final = frozenset({b"origin", _REQUEST_ID})
"""Given twice they contradict each other: the layers know what to make of that."""
_READ: Final = _NOT_PLAIN | _ONCE | {b"accept", b"accept-encoding", b"if-none-match", b"cache-control"}
_REMEMBERED: Final = 1_000
_LONGEST_REMEMBERED: Final = 256


class _Headers:
    """What the fast path reads of a request's headers."""

    __slots__ = ("origin", "wishes")

    def __init__(self, origin: str | None, wishes: Wishes) -> None:
        self.origin = origin
        self.wishes = wishes


class FastPath:
    """The layer: `app` is all the others, `cached` and `origins` are two of them."""

    def __init__(
        self,
        app: App,
        cached: CachedReads,
        origins: CrossOrigin,
        gate: Gate,
        refusals: Refusals,
        meters: Meters,
        routes: RouteNames,
        *,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._app = app
        self._cached = cached
        self._origins = origins
        self._gate = gate
        self._refusals = refusals
        self._meters = meters
        self._routes = routes
        self._clock = clock
        self._codings: dict[bytes, bytes] = {}
        self._accepts: dict[bytes, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain request, or pass it on."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        began = self._clock()
        spelling = spelling_of(scope)
        found = self._cached.kept(spelling) or self._cached.recognise(scope, spelling)
        read = self._read(scope) if found else None
        if found is None or read is None:
            await self._app(scope, receive, send)
            return
        name, status = read.wishes.name, CLIENT_WENT_AWAY
        verdict = None
        if not self._gate.is_open:
            verdict = self._gate.judge(scope)
            if is_too_wide(found.tag, verdict):
                scope.setdefault("state", {})[VERDICT] = verdict
                await self._app(scope, receive, send)
                return
        try:
            if verdict and verdict.refusal:
                status, headers, body = await self._cached.told(Failure(verdict.refusal), read.wishes)
            elif isinstance(found, Entry):
                self._meters.hits_here += 1
                status, headers, body = await self._told(found, spelling, read.wishes)
            else:
                with structlog.contextvars.bound_contextvars(request_id=name, client=address_of(scope)):
                    status, headers, body = await self._told(found, spelling, read.wishes)
            if verdict:
                headers = marked(headers, verdict)
            own = [*self._origins.permission_for(read.origin), (_REQUEST_ID, name.encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers + own})
            await send({"type": "http.response.body", "body": body})
        finally:
            seconds = self._clock() - began
            self._meters.note_request("GET", self._routes.of(scope), status, seconds)
            grant = verdict.grant if verdict else None
            token = grant.name if grant else None
            log_request(
                "GET", shown_path(scope), status, seconds * 1000, name, address_of(scope), token=token
            )

    async def _told(
        self, found: Entry | Question, spelling: bytes, wishes: Wishes
    ) -> tuple[int, Headers, bytes]:
        try:
            outcome = found if isinstance(found, Entry) else await self._cached.answer(found, spelling)
            return await self._cached.told(outcome, wishes)
        except Exception as error:  # noqa: BLE001  (a fault of ours; there is no layer outside that would apologise)
            self._refusals.note(error)
            return await self._cached.told(Failure(error), wishes)

    def _read(self, scope: ReadScope) -> _Headers | None:
        """Read the headers, once; None where one of them is not for here."""
        codings: list[bytes] = []
        known: str | None = None
        accepts = False
        once: dict[bytes, str] = {}
        for header, value in scope["headers"]:
            if header not in _READ:
                continue
            if header == b"accept-encoding":
                codings.append(value)
            elif header == b"accept":
                if accepts or not self._accepts_json(value):
                    return None
                accepts = True
            elif header == b"if-none-match":
                text = value.decode("latin-1")
                known = text if known is None else f"{known}, {text}"
            elif header in _ONCE:
                if header in once:
                    return None
                once[header] = value.decode("latin-1")
            elif header != b"cache-control" or b"no-cache" in value.lower():
                return None
        name = sane_request_id(once.get(_REQUEST_ID, "")) or made_request_id()
        preferred = self._preferred(b",".join(codings)) if codings else b""
        return _Headers(once.get(b"origin"), Wishes(name, preferred, known))

    def _accepts_json(self, value: bytes) -> bool:
        """Whether JSON is what this asks for; few clients write it in many ways."""
        if len(value) > _LONGEST_REMEMBERED:
            return accepts_json_best([value])
        found = self._accepts.get(value)
        if found is None:
            if len(self._accepts) >= _REMEMBERED:
                self._accepts.clear()
            found = self._accepts[value] = accepts_json_best([value])
        return found

    def _preferred(self, value: bytes) -> bytes:
        """Read the header, which few clients write in many ways."""
        if len(value) > _LONGEST_REMEMBERED:
            return preferred_coding([value])
        found = self._codings.get(value)
        if found is None:
            if len(self._codings) >= _REMEMBERED:
                self._codings.clear()
            found = self._codings[value] = preferred_coding([value])
        return found
