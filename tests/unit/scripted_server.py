"""A real WebSocket server that plays one scripted conversation after the other, and notes what it was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeAlias

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

PATIENCE_SECONDS = 20.0
AT = "2026-01-01T12:00:00Z"

Conversation: TypeAlias = Callable[[ServerConnection], Awaitable[None]]
Refusal: TypeAlias = tuple[HTTPStatus, dict[str, str], str]


class ScriptedServer:
    """What each connection is answered with, in turn; whoever comes after the last one gets 403, which ends a client."""

    def __init__(self, *script: Conversation | Refusal) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self._script = list(script)
        self._playing: dict[ServerConnection, Conversation] = {}

    @property
    def targets(self) -> list[str]:
        """Path and query of each handshake."""
        return [request.path for request in self.requests]

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Take the next part of the script: to refuse the handshake, or to talk."""
        self.requests.append(request)
        part = self._script.pop(0) if self._script else (HTTPStatus.FORBIDDEN, {}, "")
        if isinstance(part, tuple):
            status, headers, text = part
            response = connection.respond(status, text)
            response.headers.update(headers)
            return response
        self._playing[connection] = part
        return None

    async def converse(self, connection: ServerConnection) -> None:
        await self._playing.pop(connection)(connection)


@asynccontextmanager
async def playing(
    *script: Conversation | Refusal, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    """Serve a script on a free port."""
    server = ScriptedServer(*script)
    async with serve(
        server.converse,
        "127.0.0.1",
        0,
        process_request=server.answer,
        close_timeout=0.1,
        ssl=ssl_context,
    ) as running:
        server.url = f"http{'s' if ssl_context else ''}://127.0.0.1:{running.sockets[0].getsockname()[1]}"
        yield server


def talk(*messages: dict[str, Any] | str, code: int | None = None, reason: str = "") -> Conversation:
    """Say these messages and close with a code; without one, cut the connection as a killed process does."""

    async def conversation(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message if isinstance(message, str) else json.dumps(message))
        if code is None:
            # What was said has left this process; a bare abort could drop it.
            await (await connection.ping())
            connection.transport.abort()
        else:
            await connection.close(code, reason)

    return conversation


def keep_silent(*messages: dict[str, Any]) -> Conversation:
    """Say these messages and then nothing, for as long as the client stays."""

    async def conversation(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(json.dumps(message))
        await connection.wait_closed()

    return conversation


def repeat(message: dict[str, Any]) -> Conversation:
    """Say the same for as long as the client stays."""

    async def conversation(connection: ServerConnection) -> None:
        while True:
            await connection.send(json.dumps(message))
            await asyncio.sleep(0.001)

    return conversation


def refuse(status: HTTPStatus, **headers: str) -> Refusal:
    """Refuse the handshake."""
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, ""


def problem(status: HTTPStatus, detail: str, *, code: str | None = None) -> Refusal:
    """Refuse the handshake, and say why."""
    return status, {}, json.dumps({"detail": detail, "code": code})


def message(kind: str, position: str | None = None, **content: Any) -> dict[str, Any]:
    """Return a message of the live contract."""
    made: dict[str, Any] = {"type": kind, "stream_id": "s", "timestamp": AT}
    return made | ({} if position is None else {"position": position}) | content


def connected(
    position: str = "p0", *, resumed: bool = False, heartbeat_seconds: float = 15
) -> dict[str, Any]:
    return message("connected", position, resumed=resumed, heartbeat_seconds=heartbeat_seconds)


def window(minute: int = 0, **columns: Any) -> dict[str, Any]:
    """Return a stored window of one minute of 2026-01-01, 12 o'clock UTC."""
    return {
        "id": minute,
        "stream_id": "s",
        "window_start": f"2026-01-01T12:{minute:02}:00Z",
        "window_end": f"2026-01-01T12:{minute + 1:02}:00Z",
        "chat_count": 90,
        "unique_chatters": 40,
        "top_emotes": ["KEKW", "LUL"],
        "avg_sentiment": 0.25,
        "chat_rate": 1.5,
        "avg_viewers": 1234.4,
        "z_score": 0.5,
        "is_anomaly": False,
    } | columns


def moment(minute: int = 0, **columns: Any) -> dict[str, Any]:
    return {
        "moment_id": f"moment-{minute}",
        "stream_id": "s",
        "timestamp": f"2026-01-01T12:{minute:02}:00Z",
        "moment_type": "chat_spike",
        "description": "Chat jumped to 420 messages, where about 38 were usual.",
        "metric_name": "chat_count",
        "metric_value": 420,
        "threshold": 90.5,
        "z_score": 7.2,
        "metadata": {},
    } | columns


def stream(title: str | None) -> dict[str, Any]:
    return {"stream_id": "s", "title": title, "created_at": AT, "updated_at": AT}


def snapshot(
    position: str, *, title: str | None = "A title", windows: Any = (), moments: Any = ()
) -> dict[str, Any]:
    return message("snapshot", position, stream=stream(title), metrics=list(windows), moments=list(moments))


def metrics(position: str, minute: int = 0, **columns: Any) -> dict[str, Any]:
    return message("metrics", position, data=window(minute, **columns))
