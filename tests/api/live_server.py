"""The live socket behind a real server on a free loopback port, over a database in memory; and a real client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from telemetra.adapters.memory import MemoryDatabase, MemoryFeed
from telemetra.domain.ports import ChangeFeed
from telemetra.entrypoints.live.hub import LiveHub
from telemetra.entrypoints.live.socket import LIVE_STATE, MAX_MESSAGE_BYTES, live_route_handlers, open_live
from telemetra.entrypoints.paths import RawPaths
from telemetra.settings import Settings

PATIENCE_SECONDS = 10.0


class Listener:
    """A client of the socket; every wait has an end."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def raw(self) -> str:
        """Return the next message as it came."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            text = await self.connection.recv()
        assert isinstance(text, str)
        return text

    async def next(self) -> dict[str, Any]:
        """Return the next message."""
        message: dict[str, Any] = msgspec.json.decode(await self.raw())
        return message

    async def take(self, count: int) -> list[dict[str, Any]]:
        """Return so many messages."""
        return [await self.next() for _ in range(count)]

    async def until(self, is_last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return the messages up to and with the one that is the last."""
        messages = [await self.next()]
        while not is_last(messages[-1]):
            messages.append(await self.next())
        return messages

    def cut(self) -> None:
        """Drop the connection without a word, as a lost network does."""
        self.connection.transport.abort()

    async def send(self, message: str | bytes) -> None:
        await self.connection.send(message)

    async def end(self) -> tuple[int | None, str, list[dict[str, Any]]]:
        """Wait for the server to close; return the code, the reason, and what came before."""
        messages = []
        try:
            while True:
                messages.append(await self.next())
        except ConnectionClosed as closed:
            frame = closed.rcvd
            return (frame.code, frame.reason, messages) if frame else (None, "", messages)


@asynccontextmanager
async def listen(port: int, target: str, **options: Any) -> AsyncIterator[Listener]:
    """Connect to a server of this machine."""
    ours = {"compression": None, "ping_interval": None, "open_timeout": PATIENCE_SECONDS}
    async with connect(f"ws://127.0.0.1:{port}{target}", **ours | options) as connection:
        yield Listener(connection)


@dataclass(frozen=True)
class LiveServer:
    """A running server."""

    database: MemoryDatabase
    hub: LiveHub
    port: int
    stop: Callable[[], None]

    @asynccontextmanager
    async def listen(
        self, stream_id: str = "lofi", *, since: str | None = None, **options: Any
    ) -> AsyncIterator[Listener]:
        """Connect; `stream_id` goes into the path as it is."""
        query = "" if since is None else f"?since={since}"
        async with listen(self.port, f"/ws/live/{stream_id}{query}", **options) as listener:
            yield listener

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that the server does without telling anybody."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_so():  # noqa: ASYNC110  (the hub has no reason to offer an event for this)
                await asyncio.sleep(0.002)


class _Server(uvicorn.Server):
    """Says when it listens, and leaves the test runner's signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    def stop(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve(
    database: MemoryDatabase, *, feed: ChangeFeed | None = None, **settings: Any
) -> AsyncIterator[LiveServer]:
    """Serve the socket alone; `settings` replace the default ones, out of their usual bounds too."""
    ours = replace(Settings(), **settings)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_live(feed or MemoryFeed(database), ours) as entrance:
            app.state[LIVE_STATE] = entrance
            yield

    app = Litestar(route_handlers=live_route_handlers(), lifespan=[lifespan], openapi_config=None)
    async with run_server(RawPaths(app)) as (port, stop):
        yield LiveServer(database, app.state[LIVE_STATE].hub, port, stop)


@asynccontextmanager
async def run_server(app: Any) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """Run an ASGI application; yielded are its port, and what stops it."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await server.ready.wait()
        yield listening.getsockname()[1], server.stop
    finally:
        server.stop()
        try:
            await running
        finally:
            listening.close()
