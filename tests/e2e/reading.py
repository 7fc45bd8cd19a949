"""Reading a service and listening to it from the test's own process, so that little time lies between the two."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import httpx
import websockets

from telemetra.adapters.postgres import PostgresAddress
from tests.e2e.service import Service, external

PATIENCE_SECONDS = 60.0
_ALL = 1_000_000_000

Rows: TypeAlias = list[tuple[int, int]]
"""Windows, newest first: of each its number and its count of messages."""


def patient(address: PostgresAddress, redis_url: str, **settings: str) -> dict[str, str]:
    """Return settings under which no read is refused for the sake of a machine that is busy with other tests."""
    bounds = {"POSTGRES_ACQUIRE_TIMEOUT": "20", "POSTGRES_COMMAND_TIMEOUT": "20"}
    return external(address, redis_url) | bounds | settings


class Reader:
    """A client that reads, over a connection that it keeps; whatever is not 200 fails the test."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str) -> httpx.Response:
        answer = await self._client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer

    async def rows(self, path: str) -> Rows:
        return rows_of(await self.get(path))

    async def positions(self, *paths: str) -> list[str]:
        """Return where each answer was read: a kept one says so of its reading, and not of now."""
        return [(await self.get(path)).headers["Telemetra-Position"] for path in paths]


def rows_of(answer: httpx.Response) -> Rows:
    return [(window["id"], window["chat_count"]) for window in answer.json()]


def next_page(answer: httpx.Response) -> str | None:
    return str(answer.url.join(answer.links["next"]["url"])) if "next" in answer.links else None


async def stored(
    connection: asyncpg.Connection, stream_id: str, where: str = "true", *, limit: int = _ALL
) -> Rows:
    """Return a stream's windows as the database has them."""
    found = await connection.fetch(
        f"select id, chat_count from chat_summary_minute where stream_id = $1 and {where} "
        "order by window_start desc, window_end desc limit $2",
        stream_id,
        limit,
    )
    return [(row["id"], row["chat_count"]) for row in found]


@asynccontextmanager
async def reading(service: Service) -> AsyncIterator[Reader]:
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=20) as client:
        yield Reader(client)


class Ear:
    """One that listens to a stream over one connection: a service that ends it fails the test."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection
        self.counts: list[int] = []
        """The count of each window that it was told as a change, in order."""

    async def receive(self, type_: str) -> dict[str, Any]:
        """Return the next message of a type."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message: dict[str, Any] = json.loads(await self._connection.recv())
                if message["type"] == "metrics":
                    self.counts.append(message["data"]["chat_count"])
                if message["type"] == type_:
                    return message

    async def until_told(self, chat_count: int) -> None:
        """Wait for the window of this count."""
        while chat_count not in self.counts:
            await self.receive("metrics")


@asynccontextmanager
async def listening(service: Service, stream_id: str) -> AsyncIterator[Ear]:
    """Listen, and yield when the stream has been told as it stands."""
    async with websockets.connect(
        f"{service.live_url}/{stream_id}", compression=None, close_timeout=1
    ) as connection:
        ear = Ear(connection)
        await ear.receive("snapshot")
        yield ear
