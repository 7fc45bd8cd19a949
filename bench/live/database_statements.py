"""
What one update costs the database, in SQL statements, with few and with many listeners on its stream.

Counted by pg_stat_statements, for the role that the service speaks as. Statements that come also when nothing is written
(looking whether anything has changed) are told apart by watching an idle while: they come at least once a second. What
else comes is the updates'. Every update waits until all listeners have the one before, so that each is a step of its own.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg
from bench.live.database import Database, run_database, temporary_home
from bench.live.database_service import run_service
from bench.live.options import Options
from bench.live.report import Row, say

_UPDATES: Final = 20
_QUICK_UPDATES: Final = 5
_IDLE_SECONDS: Final = 10
_QUICK_IDLE_SECONDS: Final = 3
_STREAM: Final = "watched"
_AT_ONCE: Final = 100
"""Listeners that connect at the same time."""
_PATIENCE_SECONDS: Final = 120.0
_SETTLE_SECONDS: Final = 1.0
_OTHER_FILES: Final = 200
"""What a process has open beside the listeners."""
_STRAY: Final = 0.25
"""A statement or two that come by the clock may fall among the updates."""
_HANDSHAKE: Final = (
    "GET /ws/live/{stream} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_UPDATE: Final = b'"type":"metrics'
_SNAPSHOT: Final = b'"type":"snapsho'
_TAIL_BYTES: Final = len(_UPDATE) - 1
"""Both words are equally long: a tail that is one byte shorter holds neither whole, and what is cut is found with it."""

_SETTINGS: Final = (
    "alter system set shared_preload_libraries = 'pg_stat_statements'",
    # What it writes by itself would be followed too.
    "alter system set autovacuum = off",
)
_EXTENSION: Final = "create extension pg_stat_statements"
_CALLS: Final = """
    select s.queryid, sum(s.calls)::bigint as calls from pg_stat_statements s join pg_roles r on r.oid = s.userid
    where r.rolname = $1 group by s.queryid
"""
_WRITER: Final = "create role bench_writer superuser login"
_WRITE: Final = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count)
    values ($1, timestamp '2026-01-01', timestamp '2026-01-01 00:01', $2)
    on conflict (stream_id, window_start, window_end) do update set chat_count = excluded.chat_count
"""


@dataclass(frozen=True, slots=True)
class Count:
    """Statements with so many listeners."""

    listeners: int
    updates: int
    statements: int
    """Those that come only when something was written."""
    looks_per_second: float
    """Those that come all the time, while nothing was written."""

    @property
    def per_update(self) -> float:
        """How many of them an update cost."""
        return self.statements / self.updates


class Crowd:
    """Listeners by the thousand in one process: raw sockets that count the updates that come, and nothing else."""

    def __init__(self) -> None:
        self.told = 0
        self.ready = 0
        self.lost = 0
        self._changed = asyncio.Event()
        self._transports: list[asyncio.Transport] = []

    async def gather(self, port: int, listeners: int) -> None:
        """Connect so many; return when each has its snapshot."""
        for first in range(0, listeners, _AT_ONCE):
            wanted = min(_AT_ONCE, listeners - first)
            await asyncio.gather(*(self._join(port) for _ in range(wanted)))
            await self._until(lambda: self.ready >= first + wanted)  # noqa: B023  (awaited in this turn)

    async def hear(self, updates: int) -> None:
        """Wait until so many updates were told in all."""
        await self._until(lambda: self.told >= updates)

    def leave(self) -> None:
        """Drop all connections."""
        for transport in self._transports:
            transport.abort()

    def note(self) -> None:
        """Something has come."""
        self._changed.set()

    async def _join(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: _Seat(self, port), "127.0.0.1", port)
        self._transports.append(transport)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not is_so():
                if self.lost:
                    raise ConnectionError(f"{self.lost} listeners were dropped")
                self._changed.clear()
                await self._changed.wait()


class _Seat(asyncio.Protocol):
    """One listener: looks for a few words in the bytes, also across two reads."""

    __slots__ = ("_crowd", "_port", "_tail")

    def __init__(self, crowd: Crowd, port: int) -> None:
        self._crowd = crowd
        self._port = port
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        transport.write(_HANDSHAKE.format(stream=_STREAM, port=self._port).encode())

    def data_received(self, data: bytes) -> None:
        seen = self._tail + data
        self._crowd.told += seen.count(_UPDATE)
        self._crowd.ready += seen.count(_SNAPSHOT)
        self._tail = seen[-_TAIL_BYTES:]
        self._crowd.note()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (the loop's name for it)
        self._crowd.lost += 1
        self._crowd.note()


async def run(options: Options) -> list[Row]:
    """Count with one listener, with a hundred, and with as many as the options and the open files allow."""
    many = min(options.many_listeners, _raise_file_limit() - _OTHER_FILES)
    counts = []
    async with temporary_home() as home:
        async with run_database(home) as database:
            await database.execute(*_SETTINGS)
        async with run_database(home) as database:
            await database.migrate()
            await database.execute(_EXTENSION, _WRITER)
            for listeners in (1, 100, many):
                counts.append(await _count(database, listeners, options))
                say(f"  {counts[-1]}")
    each = [count.per_update for count in counts]
    return [
        Row(
            figure="SQL statements an update with "
            + ", ".join(f"{count.listeners:,}" for count in counts)
            + " listeners",
            wanted="the same",
            got=", ".join(f"{number:.2f}" for number in each),
            met=max(each) - min(each) <= _STRAY,
        ),
        Row(
            figure="statements a second when nothing is written, with as many",
            wanted="",
            got=", ".join(f"{count.looks_per_second:.1f}" for count in counts),
        ),
    ]


async def _count(database: Database, listeners: int, options: Options) -> Count:
    updates = _QUICK_UPDATES if options.quick else _UPDATES
    idle_seconds = _QUICK_IDLE_SECONDS if options.quick else _IDLE_SECONDS
    writer = await _connect_writer(database)
    crowd = Crowd()
    try:
        await writer.execute(_WRITE, _STREAM, 0)
        async with run_service(
            database, LIVE_MAX_LISTENERS_PER_ADDRESS="20000", LIVE_HEARTBEAT="3600"
        ) as service:
            await crowd.gather(service.port, listeners)
            await asyncio.sleep(_SETTLE_SECONDS)
            start = await _calls(writer, database.postgres.user)
            await asyncio.sleep(idle_seconds)
            idle = await _calls(writer, database.postgres.user)
            for number in range(1, updates + 1):
                await writer.execute(_WRITE, _STREAM, number)
                await crowd.hear(number * listeners)
            await asyncio.sleep(_SETTLE_SECONDS)
            busy = await _calls(writer, database.postgres.user)
            crowd.leave()
    finally:
        crowd.leave()
        await writer.close(timeout=10)
    looks = {query for query in idle if idle[query] - start.get(query, 0) >= idle_seconds}
    return Count(
        listeners=listeners,
        updates=updates,
        statements=sum(calls - idle.get(query, 0) for query, calls in busy.items() if query not in looks),
        looks_per_second=sum(idle[query] - start.get(query, 0) for query in looks) / idle_seconds,
    )


async def _connect_writer(database: Database) -> asyncpg.Connection:
    """Connect as a role whose statements are not counted."""
    connection = await database.connect()
    await connection.execute("set session authorization bench_writer")
    return connection


async def _calls(connection: asyncpg.Connection, role: str) -> dict[int, int]:
    """Return how often each of a role's statements was run."""
    return {row["queryid"]: row["calls"] for row in await connection.fetch(_CALLS, role)}


def _raise_file_limit() -> int:
    """Let this process, and those that it starts, open as many files as they may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
