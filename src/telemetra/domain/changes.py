"""What can change in a database, and how changes are grouped on their way to listeners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from hashlib import blake2b
from typing import Final, TypeAlias

from telemetra.domain.moments import Moment
from telemetra.domain.positions import ChangeKey, Position
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow


class ChangeKind(IntEnum):
    """
    What kind of row changed; within one transaction changes are told in this order.

    Removals come first, and the removal of a row that is there again is not told at all: a row that was deleted and
    written again, by one transaction or by two in any order of their ids, is there at the end.
    """

    REMOVAL = 0
    STREAM = 1
    WINDOW = 2
    MOMENT = 3


Tag: TypeAlias = bytes
"""What an answer was read from: a stream (its id's digest), or the list of all streams (`LISTING`)."""

TAG_BYTES: Final = 16
"""Enough that no two streams ever have the same, also of those that somebody names on purpose."""

LISTING: Final[Tag] = b""


def tag_of(stream_id: str) -> Tag:
    """Return what names a stream where its id is not known, or too long."""
    return blake2b(stream_id.encode(errors="surrogatepass"), digest_size=TAG_BYTES).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedWindow:
    """The key of a window that was deleted."""

    window_start: datetime
    """First instant of the window, UTC, inclusive."""
    window_end: datetime
    """End of the window, UTC, exclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Rows that are gone. Exactly one of the fields says which."""

    stream: bool = False
    """The stream's own row."""
    window: RemovedWindow | None = None
    """A window, by its key."""
    moment_id: str | None = None
    """A moment, by its identifier."""
    all: bool = False
    """A whole table was emptied: read everything again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One changed row of one stream, in its newest form."""

    key: ChangeKey
    data: Stream | MetricWindow | Moment | Removal

    @property
    def revision(self) -> int:
        """The transaction that wrote it."""
        return self.key.revision


def is_of_listing(change: Change) -> bool:
    """Whether a change concerns the list of streams: a stream's own row came, changed or went."""
    return change.key.kind == ChangeKind.STREAM or (isinstance(change.data, Removal) and change.data.stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What became visible between two positions: the changes by stream, each stream's in the order of their keys.

    `everywhere` holds removals that concern every stream (a TRUNCATE). A step that is not `carried` has no changes: they
    are too many, or can't be told (another history of the database); readers of any stream read theirs by position.
    `uncarried` names streams of which the same is true in a step that has the changes of others; `others` are the tags of
    such streams where their ids are not known. `lists` says that some stream's own row changed, came or went. A step that
    ends where it began says that nothing has changed (a beat). `unseen_at` is an instant at which nothing of it was visible
    yet, in seconds since 1970 by the clock of whoever looked; None where nobody knows.
    """

    before: Position
    after: Position
    changes: Mapping[str, Sequence[Change]]
    everywhere: Sequence[Change] = ()
    carried: bool = True
    uncarried: frozenset[str] = frozenset()
    others: frozenset[Tag] = frozenset()
    lists: bool = True
    unseen_at: float | None = None

    def tags(self) -> Iterator[Tag]:
        """Yield what has changed; a step that is not carried, or has changes `everywhere`, may have changed all."""
        yield from self.others
        for streams in (self.changes, self.uncarried):
            yield from map(tag_of, streams)
        if self.lists:
            yield LISTING


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """
    Some of the changes of one stream since a position, in order; `more` is set when others follow.

    `positions[i]` is where a reader stands after `changes[i]`; `position` after all of them.
    """

    changes: Sequence[Change]
    positions: Sequence[Position]
    position: Position
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSnapshot:
    """A stream as it stands: what a listener that can't resume begins with. Newest first."""

    stream: Stream | None
    """Null while no writer has described the stream."""
    metrics: Sequence[MetricWindow]
    moments: Sequence[Moment]
    position: Position
