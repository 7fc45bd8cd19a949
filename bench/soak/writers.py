"""
Writers that know nothing but the three tables: single rows, batches, transactions of all ends, two-phase commits.

Each key belongs to one writer (a *hand*), and every version of a row has a number that grows with each: so both the
writer's own account and every listener can tell which of two versions is the newer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from random import Random
from time import monotonic
from typing import Final

import asyncpg
from bench.live.database import Database
from bench.live.resume_rows import Key
from bench.live.resume_writers import PUT_MOMENTS, PUT_STREAM, REMOVE_MOMENTS, REMOVE_WINDOWS, VERSIONS
from bench.soak.committed import Attempt, Committed
from bench.soak.minutes import (
    LOST,
    PUT_BURST,
    START,
    TRANSACTION_MARK,
    end_prepared,
    put_windows,
    window_key,
    window_start,
)
from bench.soak.options import BURST, COMMITS_A_SECOND, PROBE, STALL, STREAMS

_HOT_ROWS: Final = 20
_BIG_ROWS: Final = 3_000
_BIG_EVERY_SECONDS: Final = 45.0
BURST_ROWS: Final = 100_000
_HOLD_SECONDS: Final = 0.5
_RETRY_SECONDS: Final = 0.2
_ACTIONS: Final = {
    "insert": 35,
    "upsert": 27,
    "delete": 8,
    "moments": 14,
    "no moments": 3,
    "title": 7,
    "transaction": 3,
    "rollback": 2,
    "two-phase": 1,
}


@dataclass(slots=True)
class Writers:
    """So many at once. `counts` says what they did; `committed` what is true from then on."""

    database: Database
    writers: int
    seed: int
    committed: Committed = field(default_factory=lambda: Committed(STREAMS))
    counts: Counter[str] = field(default_factory=Counter)
    _stopping: bool = False

    async def prepare(self) -> None:
        """Give each stream a row and a window, so that it is known."""
        async with self.database.connected() as connection:
            await connection.execute(VERSIONS)
            for stream_id in (*STREAMS, BURST, PROBE, STALL):
                await connection.execute(PUT_STREAM, stream_id, "begin")
                await put_windows(connection, stream_id, [START - timedelta(days=1)], 0.0)
                await connection.execute(PUT_MOMENTS, stream_id, [f"{stream_id}-anchor"], START, "begin")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write until the end of the block; transactions are ended then, not torn."""
        async with asyncio.TaskGroup() as group:
            for hand in range(self.writers):
                writer = _Writer(self, hand, Random(self.seed + hand))
                group.create_task(writer.write(), name=f"writer-{hand}")
            yield
            self._stopping = True

    @property
    def stopping(self) -> bool:
        """Whether no more is to be begun."""
        return self._stopping

    async def finish(self) -> None:
        """End what is prepared, then write the last version of each stream's row, after everything else."""
        async with self.database.connected() as connection:
            await end_prepared(connection, "")
            for stream_id in (*STREAMS, BURST):
                await connection.execute(PUT_STREAM, stream_id, "end")

    async def burst(self) -> tuple[float, int]:
        """Write a hundred thousand rows in one transaction; return when it was committed, and their least number."""
        async with self.database.connected() as connection:
            rows, least = await connection.fetchrow(PUT_BURST, BURST, START, BURST_ROWS)
        if rows != BURST_ROWS:
            raise RuntimeError(f"{rows} rows were written in place of {BURST_ROWS}")
        self.counts["transactions of 100,000"] += 1
        return monotonic(), least


class _Writer:
    """One hand: one connection, opened again when it is lost."""

    def __init__(self, writers: Writers, hand: int, random: Random) -> None:
        self._writers = writers
        self._hand = hand
        self._random = random
        self._serial = count(_HOT_ROWS)
        self._next_at = 0.0
        self._big_at = monotonic() + _BIG_EVERY_SECONDS

    async def write(self) -> None:
        counts = self._writers.counts
        while not self._writers.stopping:
            try:
                connection = await self._writers.database.connect()
            except LOST:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            try:
                await end_prepared(connection, f"{self._hand}-")
                while not self._writers.stopping:
                    await self._pace()
                    await self._act(connection)
            except LOST:
                counts["connections lost"] += 1
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                connection.terminate()

    async def _pace(self) -> None:
        """Wait for this hand's turn; what a fault kept from being written is not made up for."""
        a_second = COMMITS_A_SECOND / self._writers.writers
        self._next_at = max(self._next_at + self._random.expovariate(a_second), monotonic() - 1)
        await asyncio.sleep(max(0.0, self._next_at - monotonic()))

    async def _act(self, connection: asyncpg.Connection) -> None:
        stream_id = self._random.choice(STREAMS)
        if self._hand == 0 and monotonic() > self._big_at:
            self._big_at = monotonic() + _BIG_EVERY_SECONDS
            await self._put(connection, stream_id, range(-_BIG_ROWS, 0))
            self._writers.counts["transactions of 3,000"] += 1
            return
        (action,) = self._random.choices(list(_ACTIONS), list(_ACTIONS.values()))
        match action:
            case "insert":
                serials = [next(self._serial) for _ in range(self._random.choice((1, 1, 1, 2, 3)))]
                await self._put(connection, stream_id, serials)
            case "upsert":
                await self._put(connection, stream_id, self._hot())
            case "delete":
                await self._delete(connection, stream_id)
            case "moments":
                await self._put_moments(connection, stream_id)
            case "no moments":
                await self._delete_moments(connection, stream_id)
            case "title":
                # Every stream's row, too, has one writer.
                mine = STREAMS[self._hand :: self._writers.writers] or STREAMS[:1]
                await connection.execute(PUT_STREAM, self._random.choice(mine), "middle")
            case _:
                await self._transaction(connection, stream_id, action)
        self._writers.counts[action] += 1

    def _hot(self) -> list[int]:
        return self._random.sample(range(_HOT_ROWS), self._random.choice((1, 1, 1, 2, 3)))

    def _begin(self, stream_id: str, keys: Sequence[Key]) -> Attempt:
        return self._writers.committed.attempt(stream_id, keys)

    async def _put(self, connection: asyncpg.Connection, stream_id: str, serials: Sequence[int]) -> None:
        starts = [window_start(self._hand, serial) for serial in serials]
        attempt = self._begin(stream_id, [window_key(start) for start in starts])
        # What is written in bulk is late for its own sake.
        stamp = monotonic() if len(starts) < _HOT_ROWS else 0.0
        attempt.settle(await put_windows(connection, stream_id, starts, stamp))

    async def _delete(self, connection: asyncpg.Connection, stream_id: str) -> None:
        starts = [window_start(self._hand, serial) for serial in self._hot()]
        keys = [window_key(start) for start in starts]
        attempt = self._begin(stream_id, keys)
        await connection.execute(REMOVE_WINDOWS, stream_id, starts)
        attempt.settle(dict.fromkeys(keys))

    def _moment_ids(self, stream_id: str) -> list[str]:
        most = self._random.choice((20, 2_000))
        return [f"{stream_id}-{self._hand}-{self._random.randrange(most)}"]

    async def _put_moments(self, connection: asyncpg.Connection, stream_id: str) -> None:
        ids = self._moment_ids(stream_id)
        attempt = self._begin(stream_id, [("moment", moment_id) for moment_id in ids])
        when = START + timedelta(minutes=self._random.randrange(100_000))
        rows = await connection.fetch(
            f"{PUT_MOMENTS} returning moment_id, metric_value::int8 as number, revision::text",
            *(stream_id, ids, when, "Chat is faster than usual."),
        )
        attempt.settle({("moment", row["moment_id"]): (row["number"], int(row["revision"])) for row in rows})

    async def _delete_moments(self, connection: asyncpg.Connection, stream_id: str) -> None:
        ids = self._moment_ids(stream_id)
        keys: list[Key] = [("moment", moment_id) for moment_id in ids]
        attempt = self._begin(stream_id, keys)
        await connection.execute(REMOVE_MOMENTS, ids)
        attempt.settle(dict.fromkeys(keys))

    async def _transaction(self, connection: asyncpg.Connection, stream_id: str, how: str) -> None:
        """Write in two statements with a pause, so that others begun later are committed before; end it as told."""
        first, second = ([window_start(self._hand, serial) for serial in self._hot()] for _ in range(2))
        attempt = self._begin(stream_id, [window_key(start) for start in (*first, *second)])
        await connection.execute("begin")
        rows = dict(await put_windows(connection, stream_id, first, 0.0))
        await asyncio.sleep(self._random.uniform(0, _HOLD_SECONDS))
        rows |= await put_windows(connection, stream_id, second, 0.0)
        if how == "rollback":
            await connection.execute("rollback")
            attempt.undo()
            return
        if how == "two-phase":
            name = f"{TRANSACTION_MARK}{self._hand}-{next(self._serial)}"
            await connection.execute(f"prepare transaction '{name}'")
            await asyncio.sleep(self._random.uniform(0, _HOLD_SECONDS))
            await connection.execute(f"commit prepared '{name}'")
        else:
            await connection.execute("commit")
        attempt.settle(rows)
