"""HEAD for every GET: an ASGI layer that asks for the GET and keeps its body back."""

from __future__ import annotations

from typing import Final

from telemetra.entrypoints.asgi import WITHOUT_BODY, App, Message, Receive, Scope, Send

_GET_ALONE: Final = b"GET"


class HeadRequests:
    """The layer. The headers are GET's, `Content-Length` included (RFC 9110, section 9.3.2)."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    _allowing_head(name, value) for name, value in message.get("headers", ())
                ]
            elif message["type"] == "http.response.body" and is_head:
                message["body"] = b""
            await send(message)

        if is_head:
            # A copy: the log above has the method that was sent.
            scope = {**scope, "method": "GET", WITHOUT_BODY: True}
        await self._app(scope, receive, send_without_body)


def _allowing_head(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Add HEAD to an `Allow` that has GET: the router does not know of it."""
    if name.lower() == b"allow" and _GET_ALONE in value.split(b", "):
        return name, value + b", HEAD"
    return name, value
