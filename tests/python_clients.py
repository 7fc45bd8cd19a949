"""Both Python clients behind one face, so that a test says once what both must do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeAlias

from telemetra.client import AsyncLive, AsyncTelemetra, Live, LiveUpdate, Page, Stream, Telemetra


class Following(Protocol):
    """A stream that is followed."""

    @property
    def position(self) -> str | None: ...

    async def next(self) -> LiveUpdate: ...

    async def close(self) -> None: ...


class Pages(Protocol):
    """A listing, page by page."""

    @property
    def position(self) -> str | None: ...

    async def read_position(self) -> str:
        """Return the position, which is read first where it is not there."""

    async def next_page(self) -> Page[Any] | None: ...

    async def rest(self) -> list[Any]:
        """Return all rows that are still to come."""

    async def some(self, count: int) -> list[Any]:
        """Return so many rows."""


class Reader(Protocol):
    """A client; what it is asked for has its own names."""

    async def stream(self, stream_id: str, **options: Any) -> Stream: ...

    def rows(self, what: str, *arguments: Any, **options: Any) -> Pages: ...

    def live(self, stream_id: str, **options: Any) -> Following: ...


class _ThreadsFollowing:
    def __init__(self, live: Live) -> None:
        self._live = live

    @property
    def position(self) -> str | None:
        return self._live.position

    async def next(self) -> LiveUpdate:
        update = await asyncio.to_thread(next, self._live, None)
        if update is None:
            raise StopAsyncIteration
        return update

    async def close(self) -> None:
        await asyncio.to_thread(self._live.close)


class _AsyncioFollowing:
    def __init__(self, live: AsyncLive) -> None:
        self._live = live

    @property
    def position(self) -> str | None:
        return self._live.position

    async def next(self) -> LiveUpdate:
        return await anext(self._live)

    async def close(self) -> None:
        await self._live.aclose()


class _ThreadsPages:
    def __init__(self, rows: Any) -> None:
        self._rows = rows

    @property
    def position(self) -> str | None:
        position: str | None = self._rows.position
        return position

    async def read_position(self) -> str:
        return await asyncio.to_thread(lambda: self._rows.position)

    async def next_page(self) -> Page[Any] | None:
        page: Page[Any] | None = await asyncio.to_thread(self._rows.next_page)
        return page

    async def rest(self) -> list[Any]:
        return await asyncio.to_thread(list, self._rows)

    async def some(self, count: int) -> list[Any]:
        return [await asyncio.to_thread(next, self._rows) for _ in range(count)]


class _AsyncioPages(_ThreadsPages):
    async def read_position(self) -> str:
        position: str = await self._rows.read_position()
        return position

    async def next_page(self) -> Page[Any] | None:
        page: Page[Any] | None = await self._rows.next_page()
        return page

    async def rest(self) -> list[Any]:
        return [row async for row in self._rows]

    async def some(self, count: int) -> list[Any]:
        return [await anext(self._rows) for _ in range(count)]


class _Threads:
    def __init__(self, client: Telemetra) -> None:
        self._client = client

    async def stream(self, stream_id: str, **options: Any) -> Stream:
        return await asyncio.to_thread(self._client.stream, stream_id, **options)

    def rows(self, what: str, *arguments: Any, **options: Any) -> Pages:
        return _ThreadsPages(getattr(self._client, what)(*arguments, **options))

    def live(self, stream_id: str, **options: Any) -> Following:
        return _ThreadsFollowing(self._client.live(stream_id, **options))


class _Asyncio:
    def __init__(self, client: AsyncTelemetra) -> None:
        self._client = client

    async def stream(self, stream_id: str, **options: Any) -> Stream:
        return await self._client.stream(stream_id, **options)

    def rows(self, what: str, *arguments: Any, **options: Any) -> Pages:
        return _AsyncioPages(getattr(self._client, what)(*arguments, **options))

    def live(self, stream_id: str, **options: Any) -> Following:
        return _AsyncioFollowing(self._client.live(stream_id, **options))


@asynccontextmanager
async def _threads(url: str, **options: Any) -> AsyncIterator[Reader]:
    client = Telemetra(url, **options)
    try:
        yield _Threads(client)
    finally:
        await asyncio.to_thread(client.close)


@asynccontextmanager
async def _asyncio(url: str, **options: Any) -> AsyncIterator[Reader]:
    async with AsyncTelemetra(url, **options) as client:
        yield _Asyncio(client)


Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[Reader]]
"""Opens a client of a service at an address."""

CONNECTS: dict[str, Connect] = {"threads": _threads, "asyncio": _asyncio}
