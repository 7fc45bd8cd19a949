"""The feed of changes: a stream as it stands, what came since a position, and the steps of all streams."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

import asyncpg
import structlog

from telemetra.adapters.postgres import change_statements, statements
from telemetra.adapters.postgres.connections import (
    CONNECTION_LOST,
    PostgresAddress,
    PostgresPool,
    Record,
    connect,
)
from telemetra.adapters.postgres.epoch import Epoch
from telemetra.adapters.postgres.rows import to_change, to_moment, to_position, to_stream, to_window
from telemetra.domain.changes import Change, ChangeKind, ChangePage, Step, StreamSnapshot
from telemetra.domain.errors import DatabaseUnavailable, PositionInvalid, StreamNotFound
from telemetra.domain.positions import ChangeKey, Cut, Position, Snapshot

_log = structlog.get_logger()

MAX_STEP_ROWS: Final = 5_000
"""A step with more changes than this does not carry them; readers read pages."""

REMOVALS_KEPT: Final = timedelta(days=7)
_TRIM_EVERY_SECONDS: Final = 600.0
_TRIM_ROWS: Final = 5_000
_TRIM_MORE_SECONDS: Final = 1.0
_RECONNECT_SECONDS: Final = (0.1, 2.0)
_ANSWER_SECONDS: Final = 3.0
_FOLLOWER_SETTINGS: Final = {
    "plan_cache_mode": "force_custom_plan",
    # A follower that was cut off must not hold its session for hours.
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
}

# Numbers of rows, from before the first to the last that there can be.
_NONE_YET: Final = -(2**63)
_ALL_DONE: Final = 2**63 - 1

T = TypeVar("T")


class PostgresFeed:
    """
    Follows the changes by positions; the pool that it reads with plans every statement anew.

    The plan of a change query depends on how recent its position is, so a plan made once for all would be wrong.
    """

    def __init__(
        self, pool: PostgresPool, epoch: Epoch, address: PostgresAddress, *, interval_seconds: float
    ) -> None:
        self._pool = pool
        self._epoch = epoch
        self._address = address
        self._interval_seconds = interval_seconds

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        rows = await self._pool.fetch(statements.SNAPSHOT, stream_id, windows, moments)
        if not rows[0]["known"]:
            raise StreamNotFound(stream_id)
        found: defaultdict[str | None, list[Record]] = defaultdict(list)
        for row in rows:
            found[row["kind"]].append(row)
        return StreamSnapshot(
            stream=next(map(to_stream, found["stream"]), None),
            metrics=[to_window(row, stream_id) for row in found["window"]],
            moments=[to_moment(row, stream_id) for row in found["moment"]],
            position=to_position(rows[0], self._epoch.id),
        )

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        if position.epoch != self._epoch.id:
            raise PositionInvalid("The position belongs to another history of the database.")
        (row,) = await self._pool.fetch(change_statements.STAND_BY_STREAM, stream_id)
        _require_resumable(row, position)
        now = to_position(row, self._epoch.id, floor=position.reached.xmax)
        stages: list[tuple[Snapshot, Snapshot, ChangeKey | None]] = [(position.seen, now.seen, None)]
        if cut := position.cut:
            # Not in one order: a row that both snapshots add would be told out of place, or twice.
            stages = [(position.seen, cut.target, cut.after), (cut.target, now.seen, None)]
        changes: list[Change] = []
        positions: list[Position] = []
        for before, after, key in stages:
            found = await self._between(
                stream_id, before, after, after_key=key, limit=limit + 1 - len(changes)
            )
            complete = len(changes) + len(found) <= limit
            found = found[: limit - len(changes)]
            changes += found
            positions += [Position(self._epoch.id, before, Cut(after, change.key)) for change in found]
            if not complete:
                return ChangePage(changes=changes, positions=positions, position=positions[-1], more=True)
            if found:
                positions[-1] = Position(self._epoch.id, after)
        if not (changes or row["known"]):
            raise StreamNotFound(stream_id)
        return ChangePage(changes=changes, positions=positions, position=now, more=False)

    async def _between(
        self, stream_id: str, before: Snapshot, after: Snapshot, *, after_key: ChangeKey | None, limit: int
    ) -> list[Change]:
        """Read what `after` sees and `before` does not: a later reading may, what has changed again comes later."""
        ranges = after.newly_seen(before)
        if not ranges:
            return []
        rows = await self._pool.fetch(
            change_statements.CHANGES_OF_STREAM, stream_id, *_bounds(ranges), limit, *_after(after_key)
        )
        return [to_change(row) for row in rows]

    async def steps(self) -> AsyncIterator[Step]:
        position: Position | None = None
        delay_seconds, longest = _RECONNECT_SECONDS
        while True:
            try:
                connection = await connect(self._address, **_FOLLOWER_SETTINGS)
                try:
                    async for step in self._follow(connection, position):
                        position = step.after
                        delay_seconds = _RECONNECT_SECONDS[0]
                        yield step
                finally:
                    connection.terminate()
            except (DatabaseUnavailable, *CONNECTION_LOST) as error:
                _log.warning("change_feed_lost", reason=str(error) or type(error).__name__)
                await asyncio.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, longest)

    async def _follow(self, connection: asyncpg.Connection, position: Position | None) -> AsyncIterator[Step]:
        await _bounded(self._epoch.refresh(connection))
        looked_at = ""
        loop = asyncio.get_running_loop()
        trim_at = loop.time() + _TRIM_EVERY_SECONDS
        while True:
            began = loop.time()
            snapshot = await _bounded(connection.fetchval(change_statements.SNAPSHOT_TEXT))
            if snapshot != looked_at:
                looked_at = snapshot
                step = await self._step(connection, position)
                if step.after != position:
                    position = step.after
                    yield step
            if began > trim_at:
                trim_at = began + await _trim(connection)
            await asyncio.sleep(self._interval_seconds)

    async def _step(self, connection: asyncpg.Connection, before: Position | None) -> Step:
        row = await _bounded(connection.fetchrow(change_statements.STAND))
        if before is None or before.epoch != self._epoch.id:
            after = to_position(row, self._epoch.id)
            return Step(before=before or after, after=after, changes={}, carried=before is None)
        after = to_position(row, self._epoch.id, floor=before.seen.xmax)
        ranges = after.seen.newly_seen(before.seen)
        rows = []
        if ranges:
            rows = await _bounded(
                connection.fetch(change_statements.CHANGES, *_bounds(ranges), MAX_STEP_ROWS + 1)
            )
        if len(rows) > MAX_STEP_ROWS:
            # A bulk load must not be carried through every process at once.
            return Step(before=before, after=after, changes={}, carried=False)
        changes: defaultdict[str, list[Change]] = defaultdict(list)
        everywhere: list[Change] = []
        for found in rows:
            owner = everywhere if found["stream_id"] is None else changes[found["stream_id"]]
            owner.append(to_change(found))
        return Step(before=before, after=after, changes=changes, everywhere=everywhere)


def _require_resumable(row: Record, position: Position) -> None:
    """
    Look whether the database can still tell what this position lacks.

    Raises:
        PositionInvalid: transactions that it has seen are yet to begin, or removals that it lacks are forgotten.

    """
    if position.reached.xmax > int(row["snapshot"].split(":")[1]):
        raise PositionInvalid("The position lies in the future of the database.")
    if min(position.seen.in_progress, default=position.seen.xmax) <= row["removals_horizon"]:
        raise PositionInvalid("The position is older than the removals that are kept.")


def _bounds(ranges: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [low for low, _ in ranges], [high for _, high in ranges]


def _after(key: ChangeKey | None) -> tuple[int, int, bool, int, str | None]:
    """
    Return where each kind goes on within the key's revision: kinds before the key's are done, those after it are not.

    Raises:
        PositionInvalid: the key is none that a window or a removal has.

    """
    if key is None:
        return 0, _NONE_YET, True, _NONE_YET, None
    if key.kind in (ChangeKind.REMOVAL, ChangeKind.WINDOW):
        if not (key.key.isascii() and key.key.isdigit() and int(key.key) <= _ALL_DONE):
            raise PositionInvalid("The position can't be read.")
        number = int(key.key)
    else:
        number = 0
    return (
        key.revision,
        number if key.kind == ChangeKind.REMOVAL else _ALL_DONE,
        key.kind < ChangeKind.STREAM,
        number if key.kind == ChangeKind.WINDOW else _NONE_YET if key.kind < ChangeKind.WINDOW else _ALL_DONE,
        key.key if key.kind >= ChangeKind.MOMENT else None,
    )


async def _trim(connection: asyncpg.Connection) -> float:
    """Forget some removals that are too old, and return in how many seconds to look again."""
    forgotten = await _bounded(
        connection.fetchval(change_statements.TRIM_REMOVALS, REMOVALS_KEPT, _TRIM_ROWS)
    )
    return _TRIM_MORE_SECONDS if forgotten == _TRIM_ROWS else _TRIM_EVERY_SECONDS


async def _bounded(work: Awaitable[T]) -> T:
    """Wait for an answer no longer than a live connection can take: a dead one does not say so."""
    async with asyncio.timeout(_ANSWER_SECONDS):
        return await work
