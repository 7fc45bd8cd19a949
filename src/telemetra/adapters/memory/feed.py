"""What has changed in a `MemoryDatabase` since a position, and from now on."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Final, TypeAlias

from telemetra.adapters.memory.database import MemoryDatabase
from telemetra.adapters.memory.readers import newest_moments, newest_windows
from telemetra.domain.changes import Change, ChangePage, Step, StreamSnapshot, is_of_listing
from telemetra.domain.errors import DatabaseUnavailable, PositionInvalid, StreamNotFound
from telemetra.domain.ports import WantedStreams, every_stream
from telemetra.domain.positions import Cut, Position, Snapshot

_BEAT_SECONDS: Final = 0.25

Labelled: TypeAlias = tuple[Change, Position]
"""A change, and where a reader stands after it."""


class MemoryFeed:
    """A `ChangeFeed`. Its steps follow commits by an event: no polling, and no clock but the beats of who leads."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        with self._database.open() as tables:
            if not tables.knows(stream_id):
                raise StreamNotFound(stream_id)
            row = tables.streams.get(stream_id)
            return StreamSnapshot(
                stream=row.data if row else None,
                metrics=newest_windows(tables, stream_id)[:windows],
                moments=newest_moments(tables, stream_id)[:moments],
                position=self._database.position(),
            )

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        with self._database.open() as tables:
            if not self._database.can_resume(position):
                raise PositionInvalid("The position is of another history, or too old.")
            mine = (change for owner, change in tables.changes() if owner in {stream_id, None})
            now = self._database.position()
            labelled = _label(_in_order(mine), position, now.seen)
            if not labelled and not tables.knows(stream_id):
                raise StreamNotFound(stream_id)
            return _page(labelled, now, limit)

    async def steps(self, after: Position | None = None) -> AsyncIterator[Step]:
        with self._database.listening() as bell:
            position = after
            while True:
                bell.clear()
                with suppress(DatabaseUnavailable):
                    step = self._step(position)
                    position = step.after
                    yield step
                with suppress(TimeoutError):
                    async with asyncio.timeout(_BEAT_SECONDS):
                        await bell.wait()

    async def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        with self._database.listening() as bell, suppress(DatabaseUnavailable), ExitStack() as lead:
            while not self._database.take_lead():
                bell.clear()
                with self._database.open():
                    pass
                await bell.wait()
            lead.callback(self._database.give_lead_up)
            position = start()
            while True:
                bell.clear()
                step = _carrying(self._step(position), wanted())
                position = step.after
                yield step
                with suppress(TimeoutError):
                    async with asyncio.timeout(_BEAT_SECONDS):
                        await bell.wait()

    def _step(self, before: Position | None) -> Step:
        """Return what has changed; a step that ends where it began when nothing has."""
        with self._database.open() as tables:
            after = self._database.position()
            before = before or after
            if not self._database.can_resume(before):
                return Step(before=before, after=after, changes={}, carried=False)
            changes: defaultdict[str | None, list[Change]] = defaultdict(list)
            for stream_id, change in tables.changes():
                if not before.seen.sees(change.revision):
                    changes[stream_id].append(change)
        everywhere = _in_order(changes.pop(None, ()))
        return Step(
            before=before,
            after=after if changes or everywhere else before,
            changes={
                stream_id: _in_order(some) for stream_id, some in changes.items() if stream_id is not None
            },
            everywhere=everywhere,
            lists=any(is_of_listing(change) for some in changes.values() for change in some),
        )


def _carrying(step: Step, wanted: Collection[str] | None) -> Step:
    """Leave out the changes of streams that nobody wants."""
    if wanted is None:
        return step
    kept = {stream_id: some for stream_id, some in step.changes.items() if stream_id in wanted}
    return replace(step, changes=kept, uncarried=frozenset(step.changes.keys() - kept.keys()))


def _in_order(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: change.key)


def _label(changes: Sequence[Change], position: Position, now: Snapshot) -> list[Labelled]:
    """
    Choose what the position does not include, each with the position after it.

    From a cut it goes in two stages: first what is left of the step that was cut, then what came after that step.
    One merged order would repeat or lose rows when this reading is cut again.
    """
    cut = position.cut
    if cut is None:
        return _stage(changes, position, now)
    left = [change for change in changes if cut.target.sees(change.revision) and change.key > cut.after]
    first = _stage(left, position, cut.target)
    complete = Position(position.epoch, cut.target)
    if first:
        first[-1] = (first[-1][0], complete)
    return first + _stage(changes, complete, now)


def _stage(changes: Sequence[Change], position: Position, target: Snapshot) -> list[Labelled]:
    return [
        (change, Position(position.epoch, position.seen, Cut(target, change.key)))
        for change in changes
        if not position.seen.sees(change.revision)
    ]


def _page(labelled: Sequence[Labelled], now: Position, limit: int) -> ChangePage:
    told = labelled[:limit]
    more = len(labelled) > limit
    positions = [after for _, after in told]
    if told and not more:
        positions[-1] = now
    return ChangePage(
        changes=[change for change, _ in told],
        positions=positions,
        position=positions[-1] if positions else now,
        more=more,
    )
