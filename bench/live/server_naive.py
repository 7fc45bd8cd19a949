"""
What everybody writes first: `for socket in sockets: await socket.send_json(message)`, on the same server.

`send_json` is Litestar's, which encodes with msgspec; with a second argument it is what Starlette's and FastAPI's does, with
the standard library. `python -m bench.live.server_naive PAYLOAD [standard]`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn
from bench.live.server_telemetra import settings, uvicorn_config
from bench.live.serving import bind, open_control
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


def main(payload: str, *, standard: bool) -> None:
    """Serve until the process is ended."""
    listener = bind()
    message = msgspec.json.decode(payload)
    sockets: set[WebSocket[Any, Any, Any]] = set()

    @websocket("/")
    async def listen(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        sockets.add(socket)
        try:
            while True:
                await socket.receive_data(mode="text")
        except WebSocketDisconnect:
            sockets.discard(socket)

    async def publish(messages: int, large: bool) -> float:  # noqa: FBT001, ARG001  (as the control door calls it)
        before = time.monotonic()
        for _ in range(messages):
            for socket in sockets:
                if standard:
                    await socket.send_text(json.dumps(message, separators=(",", ":"), ensure_ascii=False))
                else:
                    await socket.send_json(message)
        return before

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with await open_control(publish, listener):
            yield

    app = Litestar([listen], lifespan=[lifespan], openapi_config=None, logging_config=None)
    # The server's own connection class: whoever writes this loop knows nothing of ours.
    uvicorn.Server(uvicorn_config(app, settings(), listener, ws="auto")).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1], standard=sys.argv[2:] == ["standard"])
