"""
The outermost ASGI layer: names each request, counts it, leaves one line in the log, and answers when all else failed.

The line has the path but no query, no headers and no bodies: they may hold what is nobody's business.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from random import Random
from time import perf_counter
from typing import Final

import structlog

from telemetra.entrypoints.asgi import App, Message, ReadScope, Receive, Scope, Send
from telemetra.entrypoints.clients import address_of
from telemetra.entrypoints.http.headers import REQUEST_ID, header
from telemetra.entrypoints.http.problems import PROBLEM_MEDIA_TYPE, encode_problem, internal_problem
from telemetra.entrypoints.meters import Meters
from telemetra.entrypoints.paths import OPERATORS_PATHS, sent_path
from telemetra.entrypoints.route_names import RouteNames
from telemetra.logging import log_request

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_TRACE_PARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_LONGEST_PATH: Final = 1024
CLIENT_WENT_AWAY: Final = 499
TOKEN_NAME: Final = "token_name"  # noqa: S105  (where the request's state has the name of its token, once that is known)

_random: Final = Random()  # noqa: S311  (names requests, guards nothing)

_log = structlog.get_logger(__name__)


class RequestLog:
    """
    The layer. `X-Request-ID` is taken over when it is sane, else made, and stands on the answer and on every line.

    With it stand the client's address and, where tokens are asked for, its token's name. Probes that went well are told at
    DEBUG alone: supervisors and scrapes ask all day.

    A W3C `traceparent` puts its `trace_id` on the lines too. It does not become the request's id: one trace has many
    requests. WebSockets are named likewise; who serves them writes their line.
    """

    def __init__(
        self, app: App, meters: Meters, routes: RouteNames, *, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._app = app
        self._meters = meters
        self._routes = routes
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        names = {"request_id": request_id(scope), "client": address_of(scope)}
        if trace_id := _trace_id(scope):
            names["trace_id"] = trace_id
        scope.setdefault("state", {}).update(names)
        with structlog.contextvars.bound_contextvars(**names):
            if scope["type"] == "http":
                await self._logged(scope, receive, send, names["request_id"])
            else:
                await self._app(scope, receive, send)

    async def _logged(self, scope: Scope, receive: Receive, send: Send, name: str) -> None:
        began = self._clock()
        method, path, route = scope["method"], shown_path(scope), self._routes.of(scope)
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                # Never an `HTTPStatus`: a text log would show it as `<HTTPStatus.NOT_FOUND: 404>`.
                status = int(message["status"])
                message["headers"] = [
                    *message.get("headers", ()),
                    (REQUEST_ID.lower().encode(), name.encode()),
                ]
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        except asyncio.CancelledError:
            status = status or CLIENT_WENT_AWAY
            raise
        except Exception:
            _log.exception("http_request_failed")
            if status:
                # Half an answer is out: only an end of the connection tells the client so.
                raise
            await _apologise(send_named, name)
        finally:
            seconds = self._clock() - began
            self._meters.note_request(method, route, status, seconds)
            is_probe = route in OPERATORS_PATHS and status < HTTPStatus.BAD_REQUEST
            log_request(
                *(method, path, status, seconds * 1000, name, scope["state"]["client"]),
                token=scope["state"].get(TOKEN_NAME),
                trace_id=scope["state"].get("trace_id"),
                level="debug" if is_probe else "info",
            )


def request_id(scope: ReadScope) -> str:
    """Return the request's name: the client's own when it is sane, else a new one."""
    given = header(scope, REQUEST_ID.lower().encode())
    return (given and sane_request_id(given)) or made_request_id()


def sane_request_id(given: str) -> str | None:
    """Return a client's name for its request, if it is sane."""
    return given if _SANE_ID.fullmatch(given) else None


def made_request_id() -> str:
    """Return a new name: 128 random bits, which need not be hard to guess."""
    return f"{_random.getrandbits(128):032x}"


def shown_path(scope: ReadScope) -> str:
    """Return the path as it was sent, as a line of the log shows it."""
    return sent_path(scope)[:_LONGEST_PATH]


def _trace_id(scope: ReadScope) -> str | None:
    """Return the trace that the request belongs to (W3C Trace Context, section 3.2)."""
    given = _TRACE_PARENT.fullmatch(header(scope, b"traceparent") or "")
    if not given:
        return None
    version, trace_id, parent_id, rest = given.groups()
    nothing = {"0" * 32, "0" * 16}
    if version == "ff" or (version == "00" and rest) or trace_id in nothing or parent_id in nothing:
        return None
    return trace_id


async def _apologise(send: Send, name: str) -> None:
    body = encode_problem(internal_problem(name))
    headers = [
        (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
