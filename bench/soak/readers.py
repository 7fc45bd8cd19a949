"""
Readers: what a frontend and its users ask of the API, each answer looked at, and whatever is not as promised noted.

One of their questions is a chain: write, read it from one service where nothing can be cached, and ask the other for
what is surely cached, with the `Telemetra-Position` of the first. That answer must have the row.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from time import monotonic
from typing import Any, Final

import asyncpg
import httpx
import msgspec
from bench.live.database import Database
from bench.soak.committed import Committed
from bench.soak.incidents import Incident, Incidents
from bench.soak.minutes import LOST, put_windows, window_key
from bench.soak.options import READS_A_SECOND, SERVICES, STREAMS

_ANSWER_SECONDS: Final = 4.0
"""A read has its answer, be it a 503, within three; more than that is a timeout, which only a service that stands still explains."""
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_AWAY: Final = 503
_POSITION: Final = "Telemetra-Position"
_FAR: Final = datetime(2090, 1, 1)  # noqa: DTZ001  (the columns are naive, and UTC)
_HEADERS: Final = ("ETag", _POSITION, "X-Request-ID")
"""What every read's answer has."""
_QUESTIONS: Final = {
    "hit": 40,
    "miss": 15,
    "pages": 8,
    "304": 12,
    "moments": 10,
    "streams": 5,
    "stream": 6,
    "written": 4,
}


class _Refused(Exception):
    """An answer that a fault may explain: it is noted already, and the question is given up."""


@dataclass(slots=True)
class Readers:
    """So many at once; `latencies` are those of good answers, emptied by who reports."""

    database: Database
    ports: list[int]
    readers: int
    hands: int
    """How many writers there are: readers write rows of their own beside theirs."""
    seed: int
    committed: Committed
    incidents: Incidents
    counts: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read until the end of the block."""
        tasks = [
            asyncio.create_task(_Reader(self, number).read(), name=f"reader-{number}")
            for number in range(self.readers)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome


class _Reader:
    """One, with a connection to each service and, for its own rows, one to the database."""

    def __init__(self, readers: Readers, number: int) -> None:
        self._readers = readers
        self._hand = readers.hands + number
        self._random = Random(readers.seed + 1_000 + number)
        self._unique = count(1)
        self._tags: dict[tuple[int, str], str] = {}
        self._connection: asyncpg.Connection | None = None
        self._clients: list[httpx.AsyncClient] = []

    async def read(self) -> None:
        a_second = READS_A_SECOND / self._readers.readers
        self._clients = [
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=_ANSWER_SECONDS)
            for port in self._readers.ports
        ]
        try:
            while True:
                await asyncio.sleep(self._random.expovariate(a_second))
                (question,) = self._random.choices(list(_QUESTIONS), list(_QUESTIONS.values()))
                with suppress(_Refused):
                    await self._ask(question)
                    self._readers.counts[question] += 1
        finally:
            for client in self._clients:
                await client.aclose()
            if self._connection:
                self._connection.terminate()

    async def _ask(self, question: str) -> None:
        service, stream_id = self._random.randrange(SERVICES), self._random.choice(STREAMS)
        stream = f"/api/v1/streams/{stream_id}"
        match question:
            case "hit":
                await self._windows(service, f"{stream}/metrics", stream_id)
            case "miss":
                await self._windows(service, f"{stream}/metrics?end_time={self._nobody_asked()}", stream_id)
            case "pages":
                await self._pages(service, f"{stream}/metrics?limit=50", stream_id)
            case "304":
                await self._again(service, f"{stream}/metrics?limit=20")
            case "moments":
                self._check_rows(service, *await self._get(service, f"{stream}/moments"), stream_id)
            case "streams":
                answer, rows = await self._get(service, "/api/v1/streams")
                if not {row["stream_id"] for row in rows} >= set(STREAMS):
                    self._wrong(service, answer, "a stream is missing")
            case "stream":
                answer, row = await self._get(service, stream)
                if row["stream_id"] != stream_id:
                    self._wrong(service, answer, "another stream")
            case _:
                await self._written(service, stream_id)

    async def _windows(self, service: int, path: str, stream_id: str) -> httpx.Response:
        answer, rows = await self._get(service, path)
        self._check_rows(service, answer, rows, stream_id)
        starts = [row["window_start"] for row in rows]
        if not starts or starts != sorted(starts, reverse=True):
            self._wrong(service, answer, "empty, or not newest first")
        return answer

    async def _pages(self, service: int, path: str, stream_id: str) -> None:
        """Follow the links of three pages: no window comes twice, whatever is written meanwhile."""
        seen: set[str] = set()
        for _ in range(3):
            answer, rows = await self._get(service, path)
            self._check_rows(service, answer, rows, stream_id)
            starts = {row["window_start"] for row in rows}
            if seen & starts:
                self._wrong(service, answer, f"came on a page before: {sorted(seen & starts)[:3]}")
            seen |= starts
            if "next" not in answer.links:
                return
            path = str(answer.url.join(answer.links["next"]["url"]))

    async def _again(self, service: int, path: str) -> None:
        """Ask with the tag of the last answer: 304, or 200 with another tag."""
        tag = self._tags.get((service, path))
        answer, _ = await self._get(service, path, {"If-None-Match": tag} if tag else {})
        if answer.status_code == _OK and answer.headers["ETag"] == tag:
            self._wrong(service, answer, "the tag was the same")
        if answer.status_code == _NOT_MODIFIED and not tag:
            self._wrong(service, answer, "304 to one who named no tag")
        self._readers.counts["answers 304"] += answer.status_code == _NOT_MODIFIED
        self._tags[service, path] = answer.headers["ETag"]

    async def _written(self, service: int, stream_id: str) -> None:
        """Write, read from one service, then from the other with the first one's position."""
        # One window for good, newer than all others: it is in the answer that everybody asks for.
        start = _FAR + timedelta(minutes=self._hand)
        number = await self._write(stream_id, start)
        if number is None:
            return
        stream = f"/api/v1/streams/{stream_id}/metrics"
        end = start + timedelta(seconds=1, microseconds=next(self._unique))
        asked = f"{stream}?start_time={start.isoformat()}Z&end_time={end.isoformat()}Z"
        first = await self._find(service, asked, number, {})
        await self._find(1 - service, stream, number, {_POSITION: first.headers[_POSITION]})

    async def _find(self, service: int, path: str, number: int, headers: dict[str, str]) -> httpx.Response:
        answer, rows = await self._get(service, path, headers)
        if not any(row["chat_count"] == number for row in rows):
            newest = max((row["chat_count"] for row in rows), default=0)
            self._wrong(service, answer, f"lacks {number}, newest is {newest}, asked with {headers}", "stale")
        return answer

    async def _write(self, stream_id: str, start: datetime) -> int | None:
        """Write a window and return its number; None when the database is away."""
        attempt = self._readers.committed.attempt(stream_id, [window_key(start)])
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._readers.database.connect()
            rows = await put_windows(self._connection, stream_id, [start], monotonic())
        except LOST:
            if self._connection:
                self._connection.terminate()
            self._connection = None
            return None
        attempt.settle(rows)
        (row,) = rows.values()
        return row[0] if row else None

    async def _get(
        self, service: int, path: str, headers: dict[str, str] | None = None
    ) -> tuple[httpx.Response, Any]:
        """
        Ask, look at what every answer must have, and return it with what its body says.

        Raises:
            _Refused: it is none of those that a question gets while all is well.

        """
        began = monotonic()
        try:
            answer = await self._clients[service].get(path, headers=headers)
        except httpx.TimeoutException as error:
            self._note(service, began, "timeout", f"{path}: {type(error).__name__}")
            raise _Refused from error
        except httpx.HTTPError as error:
            self._note(service, began, "connection", f"{path}: {type(error).__name__} {error}")
            raise _Refused from error
        if answer.status_code not in {_OK, _NOT_MODIFIED}:
            polite = answer.status_code != _AWAY or "Retry-After" in answer.headers
            kind = str(answer.status_code) if polite else "503 without Retry-After"
            self._note(service, began, kind, f"{path}: {answer.text[:200]}")
            raise _Refused
        self._readers.latencies.append(monotonic() - began)
        if missing := [name for name in _HEADERS if name not in answer.headers]:
            self._wrong(service, answer, f"without {missing}")
        try:
            return answer, msgspec.json.decode(answer.content) if answer.content else None
        except msgspec.DecodeError as error:
            self._note(service, began, "wrong", f"{path}: {error}")
            raise _Refused from error

    def _check_rows(
        self, service: int, answer: httpx.Response, rows: list[dict[str, Any]], stream_id: str
    ) -> None:
        if any(row["stream_id"] != stream_id for row in rows):
            self._wrong(service, answer, "has another stream's rows")

    def _nobody_asked(self) -> str:
        """Return a time in the future that is in no question before."""
        return f"2098-01-01T00:{self._hand % 60:02}:00.{next(self._unique):06}Z"

    def _wrong(self, service: int, answer: httpx.Response, why: str, kind: str = "wrong") -> None:
        self._note(service, monotonic(), kind, f"{answer.url}: {why}")

    def _note(self, service: int, began: float, kind: str, what: str) -> None:
        self._readers.incidents.note(
            Incident(began=began, ended=monotonic(), service=service, kind=kind, what=what)
        )
