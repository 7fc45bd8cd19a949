"""
Writers that make exact resume hard: interleaved transactions of 1 to 200 rows, ended in any order, or not at all.

Every version of a row that they write has a number of its own, drawn by the statement that holds the row's lock: within
a row's life (from its insert to its delete) what is committed later has the greater number. So a reader can tell of any
two versions whether they are the same, and which is the newer. Knows nothing of Telemetra but the three tables.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final, TypeAlias

import asyncpg

Connect: TypeAlias = Callable[[], Awaitable[asyncpg.Connection]]
"""Opens a connection of a writer's own."""

VERSIONS: Final = "create sequence if not exists bench_version"
_SESSION: Final = "set deadlock_timeout = '100ms'; set lock_timeout = '1s'"
"""Writers lock each other out on purpose, and must not stand still for it."""

_START: Final = datetime(2026, 3, 1)  # noqa: DTZ001  (the columns are naive, and UTC)
_HOT_ROWS: Final = 40
_WARM_ROWS: Final = 400
_ROLLED_BACK: Final = 0.15
_SAVEPOINT: Final = 0.3
_EARLY_ID: Final = 0.8
_AWAY_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 0.1
_LOST: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
)
_LOCKED_OUT: Final = (asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)

PUT_WINDOWS: Final = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes,
                                     avg_sentiment, chat_rate, avg_viewers, z_score, is_anomaly)
    select $1, start, start + interval '1 minute', nextval('bench_version'), $3::int, array['Kappa'], 0.5, 1.5, $3::int, null, false
    from unnest($2::timestamp[]) start
    on conflict (stream_id, window_start, window_end) do update
    set chat_count = nextval('bench_version'), unique_chatters = excluded.unique_chatters,
        avg_viewers = excluded.avg_viewers
"""
PUT_MOMENTS: Final = """
    insert into moments (moment_id, stream_id, timestamp, moment_type, description, metric_name, threshold, metric_value)
    select id, $1, $3, 'chat_spike', $4, 'chat_count', version, version
    from (select id, nextval('bench_version') as version from unnest($2::text[]) id) moment
    on conflict (moment_id) do update
    set stream_id = excluded.stream_id, description = excluded.description, metric_value = nextval('bench_version')
"""
PUT_STREAM: Final = """
    insert into streams (stream_id, title)
    select $1, format('%s:%s:%s', version, version, $2::text) from (select nextval('bench_version') as version) v
    on conflict (stream_id) do update
    set title = format('%s:%s:%s', split_part(streams.title, ':', 1), nextval('bench_version'), $2::text)
"""
"""The title holds the number of the life, the number of the version, and a word."""
REMOVE_WINDOWS: Final = """
    delete from chat_summary_minute where stream_id = $1 and window_start = any($2::timestamp[])
"""
REMOVE_MOMENTS: Final = "delete from moments where moment_id = any($1::text[])"
REMOVE_STREAM: Final = "delete from streams where stream_id = $1"


class Writers:
    """
    So many writers at once, over these streams; `counts` says what they did.

    A connection that is lost is opened again: whether the transaction in it was committed then, nobody knows, and
    nobody has to: what is in the tables at the end is what counts.
    """

    def __init__(self, connect: Connect, streams: Sequence[str], *, writers: int, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._connect = connect
        self._streams = streams
        self._writers = writers
        self._seed = seed
        self._fresh = count(1_000)
        """Numbers of rows that nobody has written yet."""
        self._newest_committed = 0
        self._go = asyncio.Event()
        self._parked = 0
        self._parked_changed = asyncio.Event()
        self._stopping = False

    async def prepare(self) -> None:
        """Give each stream a row, a window and a moment that stay, so that it is known and its snapshot is small."""
        connection = await self._connect()
        try:
            await connection.execute(VERSIONS)
            for stream_id in self._streams:
                await connection.execute(PUT_STREAM, stream_id, "begin")
                await connection.execute(PUT_WINDOWS, stream_id, [_START - timedelta(days=1)], 1)
                await connection.execute(PUT_MOMENTS, stream_id, [f"{stream_id}-anchor"], _START, "anchor")
        finally:
            await connection.close(timeout=10)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write until the end of the block; open transactions are ended then, not torn."""
        self._go.set()
        async with asyncio.TaskGroup() as group:
            for number in range(self._writers):
                group.create_task(self._write(Random(self._seed + number)), name=f"writer-{number}")
            yield
            self._stopping = True
            self._go.set()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep all writers where they stand, most of them in the middle of a transaction: nothing is committed."""
        self._go.clear()
        async with asyncio.timeout(_AWAY_SECONDS):
            while self._parked < self._writers:
                self._parked_changed.clear()
                await self._parked_changed.wait()
        try:
            yield
        finally:
            self._go.set()

    async def finish(self) -> None:
        """Write the last version of each stream's row, after everything else."""
        connection = await self._connect()
        try:
            for stream_id in self._streams:
                await connection.execute(PUT_STREAM, stream_id, "end")
        finally:
            await connection.close(timeout=10)

    async def _write(self, random: Random) -> None:
        while not self._stopping:
            connection = await self._connected()
            try:
                while not self._stopping:
                    await self._transaction(connection, random)
            except _LOST:
                self.counts["connections lost"] += 1
            finally:
                connection.terminate()

    async def _connected(self) -> asyncpg.Connection:
        async with asyncio.timeout(_AWAY_SECONDS):
            while True:
                try:
                    connection = await self._connect()
                    await connection.execute(_SESSION)
                except (*_LOST, TimeoutError):
                    await asyncio.sleep(_RETRY_SECONDS)
                else:
                    return connection

    async def _transaction(self, connection: asyncpg.Connection, random: Random) -> None:
        await connection.execute("begin")
        # Most take their id long before they write, so that they are committed in another order than begun.
        early = 0
        if random.random() < _EARLY_ID:
            early = int(await connection.fetchval("select pg_current_xact_id()::text"))
        try:
            for rows in _portions(random):
                await self._pause(random)
                if random.random() < _SAVEPOINT:
                    await self._savepoint(connection, random, rows)
                else:
                    await self._statement(connection, random, rows)
            await self._pause(random)
        except _LOCKED_OUT:
            self.counts["locked out"] += 1
            await connection.execute("rollback")
            return
        if random.random() < _ROLLED_BACK:
            await connection.execute("rollback")
            self.counts["rolled back"] += 1
            return
        await connection.execute("commit")
        self.counts["committed"] += 1
        self.counts["committed out of order"] += 0 < early < self._newest_committed
        self._newest_committed = max(self._newest_committed, early)

    async def _savepoint(self, connection: asyncpg.Connection, random: Random, rows: int) -> None:
        await connection.execute("savepoint here")
        await self._statement(connection, random, rows)
        if random.random() < 0.5:  # noqa: PLR2004
            await self._pause(random)
            await connection.execute("rollback to savepoint here")
            self.counts["savepoints rolled back"] += 1
        else:
            await connection.execute("release savepoint here")

    async def _statement(self, connection: asyncpg.Connection, random: Random, rows: int) -> None:
        """Write or remove so many rows of one stream, some that are written again and again, some that are new."""
        stream_id = random.choice(self._streams)
        statement: str
        arguments: list[Any]
        match random.choices(
            ("windows", "moments", "stream", "no windows", "no moments", "no stream"), _WEIGHTS
        )[0]:
            case "windows":
                statement, arguments = (
                    PUT_WINDOWS,
                    [stream_id, self._windows(random, rows), random.randrange(1_000)],
                )
            case "moments":
                when = _START + timedelta(minutes=random.randrange(1_000))
                statement, arguments = (
                    PUT_MOMENTS,
                    [stream_id, self._moments(random, rows), when, f"Told {when}"],
                )
            case "stream":
                statement, arguments = PUT_STREAM, [stream_id, "middle"]
            case "no windows":
                statement, arguments = REMOVE_WINDOWS, [stream_id, self._windows(random, rows, new=False)]
            case "no moments":
                statement, arguments = REMOVE_MOMENTS, [self._moments(random, rows, new=False)]
            case _:
                statement, arguments = REMOVE_STREAM, [stream_id]
        done = await connection.execute(statement, *arguments)
        self.counts["rows"] += int(done.split()[-1])

    def _windows(self, random: Random, rows: int, *, new: bool = True) -> list[datetime]:
        return [_START + timedelta(minutes=number) for number in self._numbers(random, rows, new=new)]

    def _moments(self, random: Random, rows: int, *, new: bool = True) -> list[str]:
        # Their ids are the same in all streams: some moments move from one to another.
        return [f"moment-{number}" for number in self._numbers(random, rows, new=new)]

    def _numbers(self, random: Random, rows: int, *, new: bool) -> list[int]:
        """
        Choose rows: some that are written for ever, some that came lately and are soon left alone, some that are new.

        They are in the order in which all writers lock them: they wait for each other, but seldom in a ring.
        """
        newest = next(self._fresh)
        hot = random.sample(range(_HOT_ROWS), min(_HOT_ROWS, max(1, rows // 8)))
        warm = {newest - random.randrange(_WARM_ROWS) for _ in range((rows - len(hot)) // 2)}
        chosen = sorted({*hot, *warm})
        return chosen + [next(self._fresh) for _ in range(rows - len(chosen))] if new else chosen

    async def _pause(self, random: Random) -> None:
        """Let others come in between; and stand still while they are all held."""
        await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))
        if self._go.is_set():
            return
        self._parked += 1
        self._parked_changed.set()
        try:
            await self._go.wait()
        finally:
            self._parked -= 1


_WEIGHTS: Final = (50, 20, 8, 14, 7, 1)


def _portions(random: Random) -> list[int]:
    """Return how many rows each statement of a transaction writes: 1 to 200 in all, few more often than many."""
    rows = random.randint(1, random.choice((1, 4, 20, 200)))
    statements = random.randint(1, min(4, rows))
    cuts = sorted(random.sample(range(1, rows), statements - 1)) if statements > 1 else []
    return [high - low for low, high in zip([0, *cuts], [*cuts, rows], strict=True)]
