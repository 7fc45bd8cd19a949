"""The application's life, as a server hears of it."""

from __future__ import annotations

import asyncio

from telemetra.entrypoints.asgi import App, Message, Receive, Scope, Send


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

        async def send_quietly(message: Message) -> None:
            life = asyncio.current_task()
            if message["type"] == "lifespan.shutdown.failed" and life and life.cancelling():
                message = {"type": message["type"], "message": ""}
            await send(message)

        await self._app(scope, receive, send_quietly)
