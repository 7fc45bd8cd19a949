"""The application's life: what a server hears of it, and what it hears of its server's end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from telemetra.entrypoints.asgi import App, Message, Receive, Scope, Send

DRAINING: Final = "draining"
"""Where the state that a server shares with its application (ASGI's lifespan state) says whether it goes away."""


@dataclass(slots=True)
class Draining:
    """Whether the server was told to go, and still serves until others have seen that it does."""

    is_on: bool = False


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
