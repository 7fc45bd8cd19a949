"""The application over a database in memory, spoken to in process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import httpx

from telemetra.adapters.memory import (
    MemoryAnswers,
    MemoryDatabase,
    MemoryLiveBus,
    MemoryProbe,
    MemoryWriter,
    memory_ports,
)
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.ports import Ports
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary
from telemetra.entrypoints.app import create_app
from telemetra.settings import Settings

PATIENCE_SECONDS = 10.0
START = datetime(2026, 5, 1, 18, tzinfo=UTC)


@dataclass(frozen=True)
class Service:
    """A running application, its database, and a client."""

    app: Any
    client: httpx.AsyncClient
    database: MemoryDatabase
    redis: MemoryProbe
    answers: MemoryAnswers
    bus: MemoryLiveBus

    async def write(
        self, stream_id: str, *, windows: int = 0, moments: int = 0, title: str = "A stream"
    ) -> None:
        """Store a stream with so many windows, one a minute, and so many moments of changing type."""
        await MemoryWriter(self.database).write(
            Stream(stream_id=stream_id, title=title, created_at=START, updated_at=START),
            [window(stream_id, minute) for minute in range(windows)],
            [moment(stream_id, minute) for minute in range(moments)],
        )

    async def write_window(self, stream_id: str, minute: int) -> None:
        """Store one window, and leave the stream's row alone."""
        with self.database.begin() as transaction:
            transaction.put_window(window(stream_id, minute))

    @asynccontextmanager
    async def listening(self, stream_id: str) -> AsyncIterator[LiveListener]:
        """Listen to a stream in process; yielded when the snapshot is there."""
        listener = LiveListener()
        async with listening(self.app, stream_id, listener):
            yield listener

    async def get(self, url: str, **headers: str) -> httpx.Response:
        """Ask; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(url, headers=named)

    async def raw(
        self,
        raw_path: bytes,
        *,
        path: str | None = None,
        query: bytes = b"",
        method: str = "GET",
        headers: list[tuple[bytes, bytes]] | None = None,
        root_path: str = "",
    ) -> RawAnswer:
        """Ask with a path that no client library would send."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": raw_path.decode("latin-1") if path is None else path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": root_path,
            "headers": [(b"host", b"test"), *(headers or [])],
            "server": ("test", 80),
            "client": ("127.0.0.1", 1),
        }
        sent: list[Any] = []
        bodies = iter([b""])

        async def receive() -> Any:
            if next(bodies, None) is None:
                # The client waits for its answer.
                await asyncio.Event().wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.app(scope, receive, send)
        return RawAnswer(
            status=sent[0]["status"],
            headers=httpx.Headers(sent[0]["headers"]),
            body=b"".join(message.get("body", b"") for message in sent[1:]),
        )


class LiveListener:
    """The client's side of a live socket that no server stands in between."""

    def __init__(self) -> None:
        self._to_app: asyncio.Queue[Any] = asyncio.Queue()
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._told: asyncio.Queue[Any] = asyncio.Queue()
        self.snapshot: dict[str, Any] = {}

    async def receive(self) -> Any:
        return await self._to_app.get()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self._told.put_nowait(json.loads(message.get("text") or message["bytes"]))

    async def until_told(self, kind: str) -> dict[str, Any]:
        """Return the next message of a kind."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message: dict[str, Any] = await self._told.get()
                if message["type"] == kind:
                    return message

    async def leave(self, code: int = 1000) -> None:
        await self._to_app.put({"type": "websocket.disconnect", "code": code})


@asynccontextmanager
async def listening(app: Any, stream_id: str, listener: LiveListener) -> AsyncIterator[None]:
    """Let a listener hear a stream until the end of the block, which begins when the snapshot is there."""
    socket = asyncio.create_task(app(_socket(stream_id), listener.receive, listener.send))
    try:
        listener.snapshot = await listener.until_told("snapshot")
        yield
    finally:
        await listener.leave()
        await asyncio.wait_for(socket, PATIENCE_SECONDS)


async def sent_away(app: Any, stream_id: str) -> dict[str, Any]:
    """Return what a listener is told that may not stay."""
    listener = LiveListener()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await app(_socket(stream_id), listener.receive, listener.send)
    return await listener.until_told("error")


def _socket(stream_id: str) -> dict[str, Any]:
    return {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": f"/ws/live/{stream_id}",
        "raw_path": f"/ws/live/{stream_id}".encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"test")],
        "server": ("test", 80),
        "client": ("127.0.0.1", 1),
        "subprotocols": [],
    }


@dataclass(frozen=True)
class RawAnswer:
    """What came back."""

    status: int
    headers: httpx.Headers
    body: bytes


def window(stream_id: str, minute: int) -> WindowSummary:
    start = START + timedelta(minutes=minute)
    return WindowSummary(
        stream_id=stream_id,
        window_start=start,
        window_end=start + timedelta(minutes=1),
        chat_count=minute,
        unique_chatters=minute,
        top_emotes=["Kappa"],
        avg_sentiment=0.25,
        chat_rate=minute / 60,
        avg_viewers=100.0,
        z_score=None,
        is_anomaly=False,
    )


def moment(stream_id: str, minute: int) -> Moment:
    return Moment(
        moment_id=f"{stream_id}-{minute}",
        stream_id=stream_id,
        timestamp=START + timedelta(minutes=minute),
        moment_type=list(MomentType)[minute % len(MomentType)],
        description="Something happened.",
        metric_name="chat_count",
        metric_value=10.0,
        threshold=5.0,
        z_score=4.0,
        metadata={"baseline_windows": 30},
    )


@asynccontextmanager
async def running(
    *,
    database: MemoryDatabase | None = None,
    answers: MemoryAnswers | None = None,
    bus: MemoryLiveBus | None = None,
    replaced: dict[str, Any] | None = None,
    clock: Callable[[], float] = monotonic,
    **settings: Any,
) -> AsyncIterator[Service]:
    """Run the application; `replaced` ports stand in for those of the database in memory."""
    database, redis, answers = database or MemoryDatabase(), MemoryProbe(), answers or MemoryAnswers()
    bus = bus or MemoryLiveBus()

    @asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        yield replace(memory_ports(database, redis=redis, bus=bus, answers=answers), **(replaced or {}))

    app = create_app(open_ports, Settings(**settings), clock=clock)
    async with (
        lifespan(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", timeout=PATIENCE_SECONDS
        ) as client,
    ):
        yield Service(app, client, database, redis, answers, bus)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Start and stop the application as a server does."""
    to_app: asyncio.Queue[Any] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, to_app.get, from_app.put))
    async with asyncio.timeout(PATIENCE_SECONDS):
        await to_app.put({"type": "lifespan.startup"})
        assert (await from_app.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await to_app.put({"type": "lifespan.shutdown"})
            assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
            await task
