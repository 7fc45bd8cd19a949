"""
The shortest way: the answer to a plain GET leaves from the outermost layer, with all that the layers inside would have added.

Whatever is not plain (another method, a required position, a trace) and whatever is no read that can be understood goes
through the layers; what they do to an answer is done here by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

from telemetra.entrypoints.asgi import App, ReadScope, Receive, Scope, Send
from telemetra.entrypoints.cache.codings import preferred_coding
from telemetra.entrypoints.cache.entries import Entry, Headers
from telemetra.entrypoints.cache.layer import CachedReads, Failure, spelling_of
from telemetra.entrypoints.cache.questions import Question
from telemetra.entrypoints.http.answers import is_among
from telemetra.entrypoints.http.cross_origin import CrossOrigin
from telemetra.entrypoints.http.headers import POSITION, REQUEST_ID
from telemetra.entrypoints.http.refusals import Refusals
from telemetra.entrypoints.http.request_log import made_request_id, sane_request_id, shown_path
from telemetra.logging import log_request

_POSITION: Final = POSITION.lower().encode()
_REQUEST_ID: Final = REQUEST_ID.lower().encode()
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_CLIENT_WENT_AWAY: Final = 499
_NOT_PLAIN: Final = frozenset({_POSITION, b"traceparent"})
_ONCE: Final = frozenset({b"origin", _REQUEST_ID})
"""Given twice they contradict each other: the layers know what to make of that."""
_REMEMBERED: Final = 1_000
_LONGEST_REMEMBERED: Final = 256


class _Asked:
    """What a request says of the answer that it wants."""

    __slots__ = ("codings", "known", "name", "once", "origin", "preferred")

    def __init__(self) -> None:
        self.codings: list[bytes] = []
        self.preferred = b""
        self.known: str | None = None
        self.once: dict[bytes, str] = {}
        self.origin: str | None = None
        self.name = ""


class Hits:
    """The layer: `app` is all the others, `cached` and `origins` are two of them."""

    def __init__(
        self,
        app: App,
        cached: CachedReads,
        origins: CrossOrigin,
        refusals: Refusals,
        *,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._app = app
        self._cached = cached
        self._origins = origins
        self._refusals = refusals
        self._clock = clock
        self._codings: dict[bytes, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain request, or pass it on."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        began = self._clock()
        spelling = spelling_of(scope)
        kept = self._cached.kept(spelling)
        question = None if kept else self._cached.recognise(scope, spelling)
        asked = self._read(scope) if kept or question else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        status = _CLIENT_WENT_AWAY
        try:
            outcome = kept or await self._ask(question, spelling, asked)
            status, headers, body = await self._told(outcome, asked)
            own = [*self._origins.permission_for(asked.origin), (_REQUEST_ID, asked.name.encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers + own})
            await send({"type": "http.response.body", "body": body})
        finally:
            log_request("GET", shown_path(scope), status, (self._clock() - began) * 1000, asked.name)

    async def _ask(self, question: Question | None, spelling: bytes, asked: _Asked) -> Entry | Failure:
        assert question  # noqa: S101  (what is not kept was recognised)
        try:
            return await self._cached.answer(question, spelling, asked.name)
        except Exception as error:  # noqa: BLE001  (a fault of ours; there is no layer outside that would apologise)
            self._refusals.note(error, asked.name)
            return Failure(error)

    async def _told(self, outcome: Entry | Failure, asked: _Asked) -> tuple[int, Headers, bytes]:
        if isinstance(outcome, Failure):
            refusal = self._refusals.refuse(outcome.error, asked.name)
            length = (b"content-length", b"%d" % len(refusal.body))
            return refusal.status, [*refusal.headers, length], refusal.body
        variant = outcome.variant(outcome.coding_for(asked.preferred))
        if variant is None:
            variant = await self._cached.variant(outcome, asked.preferred)
        if asked.known is not None and is_among(asked.known, variant.entity_tag.decode()):
            return _NOT_MODIFIED, variant.unchanged, b""
        return _OK, variant.full, variant.body

    def _read(self, scope: ReadScope) -> _Asked | None:
        """Read the headers, once; None where one of them is not for here."""
        asked = _Asked()
        for header, value in scope["headers"]:
            if header == b"accept-encoding":
                asked.codings.append(value)
            elif header == b"if-none-match":
                known = value.decode("latin-1")
                asked.known = known if asked.known is None else f"{asked.known}, {known}"
            elif header in _ONCE:
                if header in asked.once:
                    return None
                asked.once[header] = value.decode("latin-1")
            elif header in _NOT_PLAIN:
                return None
        if asked.codings:
            asked.preferred = self._preferred(b",".join(asked.codings))
        asked.origin = asked.once.get(b"origin")
        asked.name = sane_request_id(asked.once.get(_REQUEST_ID, "")) or made_request_id()
        return asked

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
