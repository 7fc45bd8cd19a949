"""The live socket behind a real server on a free loopback port, over a database in memory; and a real client."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from telemetra.adapters.memory import MemoryDatabase, MemoryFeed, MemoryLiveBus
from telemetra.domain.ports import ChangeFeed
from telemetra.entrypoints.live.hub import LiveHub
from telemetra.entrypoints.live.socket import LiveEntrance, LiveSockets
from telemetra.entrypoints.paths import RawPaths
from telemetra.entrypoints.server import uvicorn_options
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

    @asynccontextmanager
    async def deaf(self, target: str = "/ws/live/lofi") -> AsyncIterator[socket.socket]:
        """Connect a client that shakes hands and then reads nothing, not even pings; its kernel takes 4 KiB."""
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)  # noqa: FBT003  (that is how it is called)
            request = (
                f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            async with asyncio.timeout(PATIENCE_SECONDS):
                await loop.sock_connect(client, ("127.0.0.1", self.port))
                await loop.sock_sendall(client, request.encode())
                assert b"101" in await loop.sock_recv(client, 16)
            yield client

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


class Serve(Protocol):
    """Serves as `serve` does, on a server that the test doesn't know."""

    def __call__(
        self, database: MemoryDatabase, *, feed: ChangeFeed | None = None, **settings: Any
    ) -> AbstractAsyncContextManager[LiveServer]: ...


@asynccontextmanager
async def serve(
    database: MemoryDatabase, *, feed: ChangeFeed | None = None, stock: bool = False, **settings: Any
) -> AsyncIterator[LiveServer]:
    """
    Serve the socket alone; `settings` replace the default ones, out of their usual bounds too.

    A `stock` server knows nothing of the application's own WebSocket class, like any other ASGI server.
    """
    ours = replace(Settings(), **settings)
    entrance = LiveEntrance(ours)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with entrance.open(feed or MemoryFeed(database), MemoryLiveBus()):
            yield

    app = RawPaths(LiveSockets(_Nothing(lifespan), entrance))
    async with run_server(app, ours, stock=stock) as (port, stop):
        yield LiveServer(database, entrance.hub, port, stop)


class _Nothing:
    """An application that has a lifespan, and no route."""

    def __init__(self, lifespan: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._lifespan = lifespan

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        async with self._lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def run_server(
    app: Any, settings: Settings | None = None, *, stock: bool = False
) -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """Run an ASGI application as `telemetra serve` does; yielded are its port, and what stops it."""
    options = uvicorn_options(settings or Settings()) | {"timeout_graceful_shutdown": 5}
    config = uvicorn.Config(app, **(options | {"ws": "auto"} if stock else options))
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
