"""The application's life: what a server hears of it, and what it hears of its server's end."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from telemetra.entrypoints.asgi import App, Message, Receive, Scope, Send

DRAINING: Final = "draining"
"""Where the state that a server shares with its application (ASGI's lifespan state) says whether it goes away."""


CONNECTIONS: Final = "connections"
"""Where that state has `HttpConnections`."""


@dataclass(slots=True)
class Draining:
    """Whether the server was told to go, and still serves until others have seen that it does."""

    is_on: bool = False


REFUSED_REASONS: Final = ("too_many_connections", "bad_request", "request_timeout", "too_large")


@dataclass(slots=True)
class HttpConnections:
    """What a server of ours tells of the connections that it takes."""

    open: int = 0
    most: int | None = None
    """So many may be open at a time, if there is a bound."""
    is_full: bool = False
    """Whether it was told that there is no room, and there is still hardly any."""
    refused: Counter[str] = field(default_factory=Counter)
    """How many were answered before there was a request, by the reason."""


class Shared:
    """An ASGI layer: puts what the application looks at where its server finds it and writes to it."""

    def __init__(self, app: App, connections: HttpConnections) -> None:
        self._app = app
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "lifespan":
            scope.setdefault("state", {})[CONNECTIONS] = self._connections
        await self._app(scope, receive, send)


class QuietEnd:
    """
    The outermost ASGI layer: a life that is cancelled ends without a traceback.

    A server that is told twice to go (Ctrl-C, Ctrl-C) asks for no shutdown, but its loop cancels what still runs. All
    is closed as it would have been; that the framework calls it a failure would only alarm.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})[DRAINING] = Draining()

        async def send_quietly(message: Message) -> None:
            life = asyncio.current_task()
            if message["type"] == "lifespan.shutdown.failed" and life and life.cancelling():
                message = {"type": message["type"], "message": ""}
            await send(message)

        await self._app(scope, receive, send_quietly)
