"""A client of exports that no library stands in between: it reads as slowly as it likes, and may go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from telemetra.domain.ports import MetricReader
from telemetra.domain.queries import Answer, ReadMetrics
from telemetra.domain.windows import MetricWindow
from tests.api.http_service import PATIENCE_SECONDS


class ReadMetricsThrough:
    """A `MetricReader` that counts pages and lets a test do something before each: the first is number 1."""

    def __init__(self, metrics: MetricReader, before: Callable[[int], None] = lambda _: None) -> None:
        self._metrics = metrics
        self._before = before
        self.asked: list[ReadMetrics] = []

    async def list(self, query: ReadMetrics) -> Answer[Sequence[MetricWindow]]:
        self.asked.append(query)
        self._before(len(self.asked))
        return await self._metrics.list(query)


class SlowClient:
    """Takes one message of an answer at a time."""

    def __init__(self) -> None:
        self._taken: asyncio.Queue[None] = asyncio.Queue()
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        self._gone = asyncio.Event()

    async def receive(self) -> Any:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if not self._gone.is_set():
            self._sent.put_nowait(message)
            taken = asyncio.ensure_future(self._taken.get())
            gone = asyncio.ensure_future(self._gone.wait())
            await asyncio.wait({taken, gone}, return_when=asyncio.FIRST_COMPLETED)
            taken.cancel()
            gone.cancel()

    async def take(self) -> Any:
        """Return the next message, and let the application go on."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await self._sent.get()
        self._taken.put_nowait(None)
        return message

    def leave(self) -> None:
        self._gone.set()


@asynccontextmanager
async def asking(
    app: Any, url: str, client: SlowClient, **extensions: Any
) -> AsyncIterator[asyncio.Task[None]]:
    """Ask for an export; what is yielded ends when the application has done with the request."""
    parts = httpx.URL(url)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.raw_path.partition(b"?")[0],
        "query_string": parts.query,
        "root_path": "",
        "headers": [(b"host", b"test")],
        "server": ("test", 80),
        "client": ("127.0.0.1", 1),
        "extensions": extensions,
    }
    answering = asyncio.create_task(app(scope, client.receive, client.send))
    try:
        yield answering
    finally:
        client.leave()
        await asyncio.wait({answering}, timeout=PATIENCE_SECONDS)
