"""
What browsers may make of the answers, and which origins' pages may read them: an ASGI layer (CORS, from the Fetch standard).

Outside of everything that makes or keeps answers, so that problems carry its headers too, and a kept answer never
carries another origin's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telemetra.entrypoints.asgi import App, Message, Receive, Scope, Send
from telemetra.entrypoints.http.headers import POSITION, REQUEST_ID, header

_EXPOSED: Final = f"Link, ETag, Content-Disposition, {POSITION}, {REQUEST_ID}, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate"
_ALLOWED_HEADERS: Final = f"Accept, Authorization, Cache-Control, Content-Type, If-None-Match, {POSITION}, {REQUEST_ID}, traceparent, tracestate"
_ALLOWED_METHODS: Final = "GET, HEAD, POST, OPTIONS"
_PREFLIGHT_SECONDS: Final = "600"
_POLICY: Final = b"content-security-policy"
ON_EVERY_ANSWER: Final = [
    (b"x-content-type-options", b"nosniff"),
    (_POLICY, b"default-src 'none'; frame-ancestors 'none'"),
]
"""An answer is what its type says, and no page or part of one; with both browsers keep it from other origins' pages."""


class CrossOrigin:
    """The layer. An origin that is not allowed gets its answer without permission for a page to read it."""

    def __init__(self, app: App, origins: Sequence[str]) -> None:
        self._app = app
        self._any = "*" in origins
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer a preflight."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        allowed = self._allowed(header(scope, b"origin"))
        if allowed and scope["method"] == "OPTIONS" and header(scope, b"access-control-request-method"):
            await _permit(send, allowed)
            return

        async def send_with_permission(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                own = _permission(allowed)
                if any(name.lower() == _POLICY for name, _ in headers):
                    # A page's own, which lets it load its parts.
                    own = [header for header in own if header[0] != _POLICY]
                message["headers"] = [*headers, *own]
            await send(message)

        await self._app(scope, receive, send_with_permission)

    def permission_for(self, origin: str | None) -> list[tuple[bytes, bytes]]:
        """Return what an answer to this origin says to browsers."""
        return _NO_PERMISSION if origin is None else _permission(self._allowed(origin))

    def _allowed(self, origin: str | None) -> str | None:
        """Return what `Access-Control-Allow-Origin` says to this origin, if anything."""
        if origin is None:
            return None
        if self._any:
            return "*"
        return origin if origin in self._origins else None


def _permission(allowed: str | None) -> list[tuple[bytes, bytes]]:
    """Return what an answer says to browsers; several `Vary` lines are one list (RFC 9110, section 5.3)."""
    headers = [*ON_EVERY_ANSWER, (b"vary", b"Origin")]
    if allowed:
        headers.append((b"access-control-allow-origin", allowed.encode("latin-1")))
        headers.append((b"access-control-expose-headers", _EXPOSED.encode()))
    return headers


_NO_PERMISSION: Final = _permission(None)


async def _permit(send: Send, allowed: str) -> None:
    headers = {
        "Access-Control-Allow-Origin": allowed,
        "Access-Control-Allow-Methods": _ALLOWED_METHODS,
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    await send(
        {
            "type": "http.response.start",
            "status": 204,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": b"", "more_body": False})
