"""
One follower of the changes: a session of its own that looks for them, and may hold the lead while it does.

The lead is a lock of the very session that looks: whoever has lost it can't read on, whatever it believes.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from time import time
from typing import Final, NoReturn, TypeVar

import asyncpg
import structlog

from telemetra.adapters.postgres import change_statements
from telemetra.adapters.postgres.connections import CONNECTION_LOST, REFUSED, PostgresAddress, Record, connect
from telemetra.adapters.postgres.epoch import Epoch, Renewal, is_restored
from telemetra.adapters.postgres.rows import to_change
from telemetra.domain.changes import Change, Step, is_of_listing
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.ports import WantedStreams, every_stream
from telemetra.domain.positions import Position

MAX_STEP_ROWS: Final = 5_000
"""A step with more changes than this does not carry them; readers read pages."""

REMOVALS_KEPT: Final = timedelta(days=7)
_TRIM_EVERY_SECONDS: Final = 600.0
_TRIM_ROWS: Final = 5_000
_TRIM_MORE_SECONDS: Final = 1.0
_CONTEND_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 8.0
_LOOK_SECONDS: Final = 2.0
_SETTINGS: Final = {
    # Plans that are made once: to plan the changes anew each time costs seven times what it costs to read a few.
    "plan_cache_mode": "force_generic_plan",
    # Such a plan may be older than the rows; these leave it nothing but indexes, each read up to its limit.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    # The server gives up before we do, or a statement that nobody waits for would keep the lead.
    "statement_timeout": "7s",
    # One that was cut off must not keep its session for hours; the last is for one in the middle of an answer.
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "3s",
}

FOLLOWER_LOST: Final = (
    DatabaseUnavailable,
    *CONNECTION_LOST,
    *REFUSED,
    # What asyncpg 0.32 says of a connection that the server ended between two statements.
    asyncpg.InternalClientError,
)
"""What a follower raises when its session is gone, or is refused what it asks."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class PostgresFollower:
    """Looks for changes every interval, on one connection."""

    def __init__(self, connection: asyncpg.Connection, epoch: Epoch, *, interval_seconds: float) -> None:
        self._connection = connection
        self._epoch = epoch
        self._interval_seconds = interval_seconds
        self._asked_at: float | None = None
        self._wanted: WantedStreams = every_stream
        self._may_trim = True
        """Whether the database takes writes, as far as is known."""

    async def win_lead(self) -> None:
        """
        Return when this session has the lead; to keep it, it has to speak every 3 seconds.

        The kernel of a process that was stopped answers keepalives: only silence gives it away. And it asks again and
        again for the lead: a statement that waits for a lock holds a snapshot, which holds everybody's vacuum back.
        """
        await self._warm_up()
        renewal = await self._answer(Renewal.prepare(self._connection))
        await self._answer(self._connection.execute(change_statements.END_WHEN_SILENT))
        ask = await self._answer(self._connection.prepare(change_statements.TRY_LEAD))
        while True:
            (answer,) = await self._answer(ask.fetch())
            if answer["leads"]:
                break
            if self._epoch.is_renewed(answer["epoch"]):
                await self._answer(self._epoch.refresh(self._connection))
            await asyncio.sleep(_CONTEND_SECONDS)
        # That writes are refused is for who leads to tell: all others met it, too.
        await self._trim(0)
        await self._mend_restored(renewal)

    async def _mend_restored(self, renewal: Renewal) -> None:
        """Begin another history where a dump of another database was restored; the leader does it for all."""
        if not await self._answer(is_restored(self._connection)):
            return
        try:
            _log.warning("database_restored", restamped=await renewal.run())
        except DatabaseUnavailable as error:
            _log.error("database_restored", reason=str(error))

    async def _warm_up(self) -> None:
        """
        Have every statement prepared before there is a lead to lose.

        The driver prepares in two halves. A session that is cut off between them is not idle for the server, and no
        timeout ends it: it would keep the lead for as long as something answers its keepalives.
        """
        connection = self._connection
        await self._answer(self._epoch.refresh(connection))
        await self._answer(connection.fetchrow(change_statements.STAND))
        await self._answer(connection.fetchrow(change_statements.STAND_AND_HORIZON))
        await self._answer(connection.fetch(change_statements.CHANGES, [], [], 1, None))
        await self._answer(connection.fetch(change_statements.TOUCHED, [], [], 1))
        # To be refused the writing is no reason not to lead: the statement is prepared all the same.
        with suppress(asyncpg.ReadOnlySQLTransactionError):
            await self._answer(connection.fetchval(change_statements.TRIM_REMOVALS, REMOVALS_KEPT, 0))
        await self._answer(connection.fetchval(change_statements.SNAPSHOT_TEXT))
        await self._answer(is_restored(connection))

    async def steps(
        self,
        position: Position | None,
        *,
        beat_seconds: float = math.inf,
        wanted: WantedStreams = every_stream,
    ) -> AsyncGenerator[Step]:
        """
        Give the first step at once, then what has changed, and when nothing has, a step that says so every beat.

        It speaks once a beat, however long the interval. Raises one of `FOLLOWER_LOST`; what was not told is told by
        the next follower, from the last position.
        """
        self._wanted = wanted
        await self._answer(self._epoch.refresh(self._connection))
        unseen_at = time()
        step = await self._first_step(position)
        yield step
        loop = asyncio.get_running_loop()
        told_at, trim_at, looked_at = loop.time(), loop.time() + _TRIM_EVERY_SECONDS, None
        pause_seconds = min(self._interval_seconds, beat_seconds)
        turns_a_look = round(self._interval_seconds / pause_seconds)
        for turn in itertools.count(1):
            await asyncio.sleep(pause_seconds)
            asked_at = time()
            snapshot = await self._answer(self._connection.fetchval(change_statements.SNAPSHOT_TEXT))
            now = loop.time()
            if snapshot != looked_at and turn % turns_a_look == 0:
                looked_at = snapshot
                step = replace(await self._next_step(step.after), unseen_at=unseen_at)
                if step.before != step.after:
                    told_at = now
                    yield step
            if snapshot == looked_at:
                unseen_at = asked_at
            if now + pause_seconds > told_at + beat_seconds:
                told_at = now
                yield Step(before=step.after, after=step.after, changes={})
            if now > trim_at:
                trim_at = now + await self._trim()

    async def _first_step(self, before: Position | None) -> Step:
        """Begin from wherever the last follower stood, if what has changed since then can still be told."""
        row = await self._answer(self._connection.fetchrow(change_statements.STAND_AND_HORIZON))
        if before and before.epoch == self._epoch.id and _is_recent(row, before):
            return await self._step(row, before)
        after = self._epoch.position(row, self._epoch.id)
        return Step(before=before or after, after=after, changes={}, carried=before is None)

    async def _next_step(self, before: Position) -> Step:
        (stand,) = await self._answer(self._connection.fetch(change_statements.STAND))
        if self._epoch.is_renewed(stand["epoch"]):
            await self._answer(self._epoch.refresh(self._connection))
            return await self._first_step(before)
        return await self._step(stand, before)

    async def _step(self, stand: Record, before: Position) -> Step:
        """Read what became visible between a position and where the database stands; newer rows come next time."""
        after = self._epoch.position(stand, self._epoch.id, floor=before.seen.xmax)
        ranges = after.seen.newly_seen(before.seen)
        if not ranges:
            return Step(before=before, after=after, changes={})
        lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
        uncarried: frozenset[str] = frozenset()
        lists = False
        if (wanted := self._wanted()) is not None:
            touched = await self._answer(
                self._connection.fetch(change_statements.TOUCHED, lows, highs, MAX_STEP_ROWS + 1)
            )
            changed = {row["stream_id"] for row in touched}
            if None in changed or sum(row["changes"] for row in touched) > MAX_STEP_ROWS:
                return Step(before=before, after=after, changes={}, carried=False)
            lists = any(row["lists"] for row in touched)
            wanted = [stream_id for stream_id in changed if stream_id in wanted]
            uncarried = frozenset(changed.difference(wanted))
            if not wanted:
                return Step(before=before, after=after, changes={}, uncarried=uncarried, lists=lists)
        rows = await self._answer(
            self._connection.fetch(change_statements.CHANGES, lows, highs, MAX_STEP_ROWS + 1, wanted)
        )
        if len(rows) > MAX_STEP_ROWS:
            # A bulk load must not be carried through every process at once.
            return Step(before=before, after=after, changes={}, carried=False)
        step = _carry(before, after, rows)
        return replace(step, uncarried=uncarried, lists=step.lists or lists)

    async def _answer(self, work: Awaitable[T]) -> T:
        """
        Wait for an answer no longer than a live connection can take: a dead one does not say so.

        `end_when_unanswered` looks now and then, for all; a timer for each of twenty calls a second costs a sixth of them.
        """
        self._asked_at = asyncio.get_running_loop().time()
        try:
            return await work
        finally:
            self._asked_at = None

    async def end_when_unanswered(self) -> NoReturn:
        """End the connection when it owes an answer for too long; what waits for it then raises."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._asked_at is not None and loop.time() > self._asked_at + _ANSWER_SECONDS:
                self._connection.terminate()

    async def _trim(self, rows: int = _TRIM_ROWS) -> float:
        """
        Forget some removals that are too old, and return in how many seconds to look again.

        Where the database takes no writes they stay, until it does: that is told once.
        """
        trimming = self._connection.fetchval(change_statements.TRIM_REMOVALS, REMOVALS_KEPT, rows)
        try:
            trimmed = await self._answer(trimming)
        except asyncpg.ReadOnlySQLTransactionError:
            if self._may_trim:
                # The server's own words are that a SELECT is refused.
                _log.warning("removals_not_trimmed", reason="default_transaction_read_only is on")
            self._may_trim = False
            return _TRIM_EVERY_SECONDS
        if not self._may_trim:
            _log.info("removals_trimmed_again")
        self._may_trim = True
        return _TRIM_MORE_SECONDS if trimmed == _TRIM_ROWS else _TRIM_EVERY_SECONDS


@asynccontextmanager
async def open_follower(
    address: PostgresAddress, epoch: Epoch, *, interval_seconds: float
) -> AsyncIterator[PostgresFollower]:
    """
    Lend a follower with a connection of its own, outside any pool.

    Raises:
        DatabaseUnavailable: the database can't be reached.

    """
    connection = await connect(address, **_SETTINGS)
    follower = PostgresFollower(connection, epoch, interval_seconds=interval_seconds)
    watch = asyncio.create_task(follower.end_when_unanswered(), name="follower-watch")
    try:
        yield follower
    finally:
        watch.cancel()
        connection.terminate()


def _is_recent(row: Record, position: Position) -> bool:
    """Whether no removal is forgotten, and no transaction yet to begin, that the position has to do with."""
    oldest = min(position.seen.in_progress, default=position.seen.xmax)
    return oldest > row["removals_horizon"] and position.reached.xmax <= int(row["snapshot"].split(":")[1])


def _carry(before: Position, after: Position, rows: Sequence[Record]) -> Step:
    changes: defaultdict[str, list[Change]] = defaultdict(list)
    everywhere: list[Change] = []
    lists = False
    for row in rows:
        owner = everywhere if row["stream_id"] is None else changes[row["stream_id"]]
        change = to_change(row)
        owner.append(change)
        lists = lists or is_of_listing(change)
    return Step(before=before, after=after, changes=changes, everywhere=everywhere, lists=lists)
