"""The feed of changes: a stream as it stands, what came since a position, and the steps of all streams."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Final

import structlog

from telemetra.adapters.postgres import change_statements, statements
from telemetra.adapters.postgres.connections import REFUSED, PostgresAddress, PostgresPool, Record
from telemetra.adapters.postgres.epoch import Epoch
from telemetra.adapters.postgres.follower import FOLLOWER_LOST, PostgresFollower, open_follower
from telemetra.adapters.postgres.rows import to_change, to_moment, to_stream, to_window
from telemetra.domain.changes import Change, ChangeKind, ChangePage, Step, StreamSnapshot
from telemetra.domain.errors import PositionInvalid, StreamNotFound
from telemetra.domain.ports import WantedStreams, every_stream
from telemetra.domain.positions import ChangeKey, Cut, Position, Snapshot

_log = structlog.get_logger()

_BEAT_SECONDS: Final = 0.25
_SHORTEST_DELAY_SECONDS: Final = 0.1
_LONGEST_DELAY_SECONDS: Final = 2.0

# Numbers of rows, from before the first to the last that there can be.
_NONE_YET: Final = -(2**63)
_ALL_DONE: Final = 2**63 - 1


class PostgresFeed:
    """
    Follows the changes by positions; the pool that it reads with plans every statement anew.

    The plan of a page depends on how old its position is, so a plan made once for all would be wrong.
    """

    def __init__(
        self, pool: PostgresPool, epoch: Epoch, address: PostgresAddress, *, interval_seconds: float
    ) -> None:
        self._pool = pool
        self._epoch = epoch
        self._address = address
        self._interval_seconds = interval_seconds
        self._lead_is_refused = False
        """Whether it was told that this role may not lead, and still may not."""

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        # The one before the reading: what was read in an older history must not pass for a newer one's.
        epoch = self._epoch.id
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
            position=self._epoch.position(rows[0], epoch),
        )

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        epoch = self._epoch.id
        if position.epoch != epoch:
            raise PositionInvalid("The position belongs to another history of the database.")
        (row,) = await self._pool.fetch(change_statements.STAND_BY_STREAM, stream_id)
        _require_resumable(row, position)
        now = self._epoch.position(row, epoch, floor=position.reached.xmax)
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
            positions += [Position(epoch, before, Cut(after, change.key)) for change in found]
            if not complete:
                return ChangePage(changes=changes, positions=positions, position=positions[-1], more=True)
            if found:
                positions[-1] = Position(epoch, after)
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

    async def steps(self, after: Position | None = None) -> AsyncIterator[Step]:
        position = after
        delay_seconds = _SHORTEST_DELAY_SECONDS
        while True:
            try:
                async with (
                    self._follower() as follower,
                    aclosing(follower.steps(position, beat_seconds=_BEAT_SECONDS)) as steps,
                ):
                    async for step in steps:
                        if delay_seconds != _SHORTEST_DELAY_SECONDS:
                            _log.info("change_feed_back")
                        position, delay_seconds = step.after, _SHORTEST_DELAY_SECONDS
                        yield step
            except FOLLOWER_LOST as error:
                if delay_seconds == _SHORTEST_DELAY_SECONDS:
                    _log.warning("change_feed_lost", reason=str(error) or type(error).__name__)
                await asyncio.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, _LONGEST_DELAY_SECONDS)

    async def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        led = False
        try:
            async with self._follower() as follower:
                await follower.win_lead()
                led, self._lead_is_refused = True, False
                _log.info("change_feed_led")
                async with aclosing(
                    follower.steps(start(), beat_seconds=_BEAT_SECONDS, wanted=wanted)
                ) as steps:
                    async for step in steps:
                        yield step
        except FOLLOWER_LOST as error:
            if led:
                _log.warning("change_feed_lead_lost", reason=str(error) or type(error).__name__)
            elif isinstance(error, REFUSED) and not self._lead_is_refused:
                # Who only follows needs less: nothing else would tell that nobody can lead.
                self._lead_is_refused = True
                _log.warning("change_feed_lead_refused", reason=str(error))

    def _follower(self) -> AbstractAsyncContextManager[PostgresFollower]:
        return open_follower(self._address, self._epoch, interval_seconds=self._interval_seconds)


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
