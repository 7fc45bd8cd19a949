"""The gate as an ASGI layer: refuses what its verdict refuses, sockets before they are accepted, and marks the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import structlog

from telemetra.domain.access import Grant
from telemetra.entrypoints.access.gate import REFUSED, Gate, Headers, Verdict
from telemetra.entrypoints.asgi import App, Message, ReadScope, Receive, Scope, Send
from telemetra.entrypoints.http.answers import CACHE_CONTROL
from telemetra.entrypoints.http.cross_origin import ON_EVERY_ANSWER
from telemetra.entrypoints.http.headers import REQUEST_ID
from telemetra.entrypoints.http.reads import SEEN_STREAMS
from telemetra.entrypoints.http.refusals import Refusal, Refusals
from telemetra.entrypoints.http.request_log import TOKEN_NAME
from telemetra.entrypoints.live.protocol import CloseCode
from telemetra.entrypoints.live.socket import REVOCATION
from telemetra.entrypoints.meters import Meters

VERDICT: Final = "verdict"
"""Where the request's state has the verdict on it."""
_ANYBODYS: Final = (b"cache-control", CACHE_CONTROL.encode())
_ITS_BEARERS: Final = (b"cache-control", b"private, " + CACHE_CONTROL.encode())
_HTTP_REPLY: Final = "websocket.http.response"

_log = structlog.get_logger(__name__)


class Gated:
    """The layer. Who has judged a request already leaves the verdict in its state: each counts once."""

    def __init__(self, app: App, gate: Gate, refusals: Refusals, meters: Meters) -> None:
        self._app = app
        self._meters = meters
        for error in REFUSED:
            meters.live_refused.labels(error.code)
        self._gate = gate
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"} or self._gate.is_open:
            await self._app(scope, receive, send)
            return
        verdict: Verdict = scope["state"].get(VERDICT) or self._gate.judge(scope)
        scope["state"][VERDICT] = verdict
        if verdict.grant:
            scope["state"][TOKEN_NAME] = verdict.grant.name
            with structlog.contextvars.bound_contextvars(token=verdict.grant.name):
                await self._judged(scope, receive, send, verdict)
        else:
            await self._judged(scope, receive, send, verdict)

    async def _judged(self, scope: Scope, receive: Receive, send: Send, verdict: Verdict) -> None:
        if verdict.refusal:
            refusal = self._refusals.refuse(verdict.refusal, scope["state"]["request_id"])
            if scope["type"] == "http":
                await _refuse(send, refusal, verdict.headers)
            else:
                told = [*refusal.headers, *verdict.headers, *ON_EVERY_ANSWER]
                told.append((REQUEST_ID.lower().encode(), scope["state"]["request_id"].encode()))
                await _refuse_socket(scope, receive, send, replace(refusal, headers=told))
                self._meters.live_refused.labels(verdict.refusal.code).inc()
                _log.info("live_refused", code=verdict.refusal.code, status=refusal.status)
            return

        if verdict.grant and verdict.grant.streams is not None:
            scope["state"][SEEN_STREAMS] = verdict.grant.streams

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = marked(message.get("headers", ()), verdict)
            await send(message)

        if scope["type"] == "http":
            await self._app(scope, receive, send_marked)
        elif verdict.grant:
            with self._gate.staying(scope, verdict.grant) as revocation:
                scope["state"][REVOCATION] = revocation
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def marked(headers: Headers, verdict: Verdict) -> Headers:
    """Return an answer's headers with what the verdict adds; what a token opened is for nobody's cache but its bearer's."""
    if verdict.grant:
        headers = [_ITS_BEARERS if header == _ANYBODYS else header for header in headers]
    return [*headers, *verdict.headers]


def verdict_of(scope: ReadScope) -> Verdict | None:
    """Return the verdict on a request, if it was judged."""
    verdict: Verdict | None = scope["state"].get(VERDICT)
    return verdict


def grant_of(scope: ReadScope) -> Grant | None:
    """Return what a request's bearer may do, where tokens are asked for."""
    verdict = verdict_of(scope)
    return verdict.grant if verdict else None


async def _refuse(send: Send, refusal: Refusal, headers: Headers) -> None:
    length = (b"content-length", b"%d" % len(refusal.body))
    told = [*refusal.headers, length, *headers]
    await send({"type": "http.response.start", "status": refusal.status, "headers": told})
    await send({"type": "http.response.body", "body": refusal.body})


async def _refuse_socket(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    """Refuse a handshake by an HTTP answer; where the server has no way to send one, by its own 403."""
    try:
        await receive()
        if _HTTP_REPLY in (scope.get("extensions") or {}):
            length = (b"content-length", b"%d" % len(refusal.body))
            headers = [*refusal.headers, length]
            await send({"type": f"{_HTTP_REPLY}.start", "status": refusal.status, "headers": headers})
            await send({"type": f"{_HTTP_REPLY}.body", "body": refusal.body})
        else:
            await send({"type": "websocket.close", "code": int(CloseCode.POLICY), "reason": ""})
    except OSError:
        # It went before it was told.
        return
