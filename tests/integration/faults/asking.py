"""Asking a service, with the time that each answer took; and having its reads wait in the database."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import asyncpg
import httpx

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connect
from tests.e2e.service import Service

STREAM = "lofi"
METRICS = f"/api/v1/streams/{STREAM}/metrics"
PATIENCE_SECONDS = 30.0
HITS = 'telemetra_cache_hits_total{level="process"}'
WAITING = """
    select count(*) from pg_stat_activity
    where application_name = 'telemetra' and wait_event_type = 'Lock' and query like '%as window_start%'
"""
"""How many reads of windows wait; the relay, which looks for changes meanwhile, is none."""


_numbers = count(1)


def a_question(of: str = METRICS) -> str:
    """Return a question that nobody has asked before; the answer is the same to each."""
    return f"{of}?limit=5&end_time=2030-01-01T00:00:00.{next(_numbers):06}Z"


def questions(how_many: int) -> list[str]:
    return [a_question() for _ in range(how_many)]


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again, at what tells nobody."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():  # noqa: ASYNC110  (processes, servers and their clients give no event)
            await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Asked:
    """An answer, and how long it was waited for."""

    answer: httpx.Response
    seconds: float

    @property
    def status(self) -> int:
        return self.answer.status_code

    def is_refused(self) -> bool:
        """Whether it says in full that the database is away, and when to come again."""
        problem: dict[str, Any] = self.answer.json()
        return (
            self.status == 503
            and self.answer.headers["Content-Type"] == "application/problem+json"
            and int(self.answer.headers["Retry-After"]) >= 1
            and (problem["status"], problem["code"]) == (503, "database_unavailable")
        )


class Asker:
    """A client that takes the time."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, path: str) -> Asked:
        began = time.monotonic()
        answer = await self._client.get(path)
        return Asked(answer, time.monotonic() - began)

    async def ask_all(self, paths: Sequence[str]) -> list[Asked]:
        """Ask all at once."""
        return await asyncio.gather(*map(self.ask, paths))

    async def until_kept(self, path: str) -> Asked:
        """Ask the same until it is answered from memory: one that has just started keeps nothing before it is told of changes."""

        async def hits() -> str | None:
            told = (await self.ask("/metrics")).answer.text
            return next((line for line in told.splitlines() if line.startswith(HITS)), None)

        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                before = await hits()
                asked = await self.ask(path)
                if await hits() != before:
                    return asked

    async def until_read(self) -> float:
        """Ask anew until there is an answer; return how long that took."""
        began = time.monotonic()

        async def is_read() -> bool:
            return (await self.ask(a_question())).status == 200

        await until(is_read)
        return time.monotonic() - began


@asynccontextmanager
async def asking(service: Service) -> AsyncIterator[Asker]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=service.url, trust_env=False, timeout=PATIENCE_SECONDS, limits=limits
    ) as client:
        yield Asker(client)


def assert_in_time(bound_seconds: float, waits: Sequence[Asked]) -> None:
    """Assert a bound of most of them; a machine that is busy with other tests may make twice as much of some."""
    seconds = sorted(asked.seconds for asked in waits)
    assert statistics.median(seconds) <= bound_seconds, seconds
    assert seconds[-1] <= 2 * bound_seconds, seconds


class Hold:
    """A lock on the windows: whoever reads them waits in the middle of his statement."""

    def __init__(self, connection: asyncpg.Connection, onlooker: asyncpg.Connection) -> None:
        self._connection = connection
        self._onlooker = onlooker

    async def waiting(self) -> int:
        """Return how many statements of the service wait."""
        return int(await self._onlooker.fetchval(WAITING))

    async def until_wait(self, statements: int) -> None:
        async def do_wait() -> bool:
            return await self.waiting() >= statements

        await until(do_wait)

    async def end(self) -> None:
        await self._connection.execute("rollback")


@asynccontextmanager
async def holding(address: PostgresAddress) -> AsyncIterator[Hold]:
    """Hold all reads of windows until told to end, or the server dies."""
    connection, onlooker = [await connect(address) for _ in range(2)]
    try:
        await connection.execute("begin; lock table chat_summary_minute in access exclusive mode")
        yield Hold(connection, onlooker)
    finally:
        for one in (connection, onlooker):
            one.terminate()
