"""
Positions: what a reader has seen, exactly, and the text by which it is handed to clients.

A position is the snapshot of the very statement that read the rows; what has changed since is every row whose
revision (the id of the transaction that wrote it) the snapshot does not see. Knows nothing of SQL or of sockets.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from telemetra.domain.errors import PositionInvalid

MAX_TEXT_BYTES: Final = 2048
TEXT_PATTERN: Final = "^[A-Za-z0-9_-]+$"
"""What a position's text is made of."""
EPOCH_BYTES: Final = 8
_VERSION: Final = 1
_MAX_REVISION: Final = 2**64 - 1
_MAX_KIND: Final = 0xFF


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    Which transactions a reader sees: all below `xmax` but those that were `in_progress`.

    `in_progress` is ascending, without doubles, and below `xmax`.
    """

    xmax: int
    in_progress: tuple[int, ...] = ()

    @classmethod
    def from_postgres(cls, text: str, *, newest_revision: int, floor: int = 0) -> Snapshot:
        """
        Read `xmin:xmax:xip,...`, lowered to what was really seen.

        `xmax` becomes 1 + the greatest revision that the statement saw in any table (`newest_revision`), but never
        less than `floor`, the previous position's. Ids above it may belong to transactions that were rolled back; after
        a crash PostgreSQL hands such ids out again, and a position that claimed to have seen them would hide rows.
        """
        _, xmax, in_progress = text.split(":")
        lowered = min(int(xmax), max(newest_revision + 1, floor))
        return cls(
            lowered, tuple(xid for xid in map(int, filter(None, in_progress.split(","))) if xid < lowered)
        )

    def sees(self, revision: int) -> bool:
        """Whether a row written by this transaction was visible."""
        return revision < self.xmax and revision not in self.in_progress

    def includes(self, other: Snapshot) -> bool:
        """Whether everything that `other` sees is seen here too."""
        seen_above = other.xmax - self.xmax - sum(xid >= self.xmax for xid in other.in_progress)
        if seen_above > 0:
            return False
        return all(xid >= other.xmax or xid in other.in_progress for xid in self.in_progress)

    def newly_seen(self, before: Snapshot) -> list[tuple[int, int]]:
        """
        Return the revisions that are seen here and not in `before`, as ascending ranges [low, high).

        A reader that looks only in these never steps over the rows of transactions that are still open, of which one
        alone may have written millions.
        """
        ranges = [(xid, xid + 1) for xid in before.in_progress if self.sees(xid)]
        low = before.xmax
        for xid in (*self.in_progress, self.xmax):
            if low < xid:
                ranges.append((low, xid))
            low = max(low, xid + 1)
        merged: list[tuple[int, int]] = []
        for low, high in ranges:
            if merged and merged[-1][1] == low:
                merged[-1] = (merged[-1][0], high)
            else:
                merged.append((low, high))
        return merged

    def coarser(self, limit: int) -> Snapshot:
        """At most `limit` transactions in progress: sees less, so that what follows may repeat but never lose."""
        if len(self.in_progress) <= limit:
            return self
        return Snapshot(self.in_progress[limit], self.in_progress[:limit])


@dataclass(frozen=True, slots=True, order=True)
class ChangeKey:
    """Where a change stands among those of one step: by revision, then kind, then key within the kind."""

    revision: int
    kind: int
    key: str


@dataclass(frozen=True, slots=True)
class Cut:
    """A stop in the middle of a step: of what `target` adds, everything up to `after` was seen."""

    target: Snapshot
    after: ChangeKey


@dataclass(frozen=True, slots=True)
class Position:
    """
    What a reader has seen of one database: all that `seen` sees, and of `cut.target` what lies before the cut.

    `epoch` names the database's history (8 bytes); positions of different epochs can't be compared.
    """

    epoch: bytes
    seen: Snapshot
    cut: Cut | None = None

    @property
    def reached(self) -> Snapshot:
        """The newest snapshot that this position has to do with."""
        return self.cut.target if self.cut else self.seen

    def __str__(self) -> str:
        """Opaque, URL-safe text of at most 2 KB; a longer one is made coarser: it may repeat, but never lose."""
        text = _encode(self)
        if len(text) <= MAX_TEXT_BYTES:
            return text
        return _encode(Position(self.epoch, self.seen.coarser(MAX_TEXT_BYTES // 16)))

    @classmethod
    def parse(cls, text: str) -> Position:
        """
        Read a position's text, which comes from a client and may be anything.

        Raises:
            PositionInvalid: the text is not one that `str(position)` makes.

        """
        if not 0 < len(text) <= MAX_TEXT_BYTES:
            raise PositionInvalid("The position is empty or too long.")
        try:
            # Padding is the reader's concern; urlsafe_b64decode would silently skip foreign characters.
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            position = _decode(data)
        except (binascii.Error, ValueError, IndexError) as error:
            raise PositionInvalid("The position can't be read.") from error
        # One position, one text: foreign alphabets, padding and longer spellings of a number are nobody's.
        if _encode(position) != text:
            raise PositionInvalid("The position can't be read.")
        return position


NOTHING_SEEN: Final = Position(bytes(EPOCH_BYTES), Snapshot(0))
"""
Where a reader stands that was told nothing yet. It is of no database's history: who resumes there gets a snapshot, and
not all that was ever written.
"""


def _encode(position: Position) -> str:
    out = bytearray((_VERSION,))
    out += position.epoch
    _put_snapshot(out, position.seen)
    if position.cut:
        _put_snapshot(out, position.cut.target)
        after = position.cut.after
        _put(out, after.revision)
        _put(out, after.kind)
        out += after.key.encode()
    return base64.urlsafe_b64encode(out).rstrip(b"=").decode("ascii")


def _decode(data: bytes) -> Position:
    if data[0] != _VERSION:
        raise ValueError(data[0])
    epoch = data[1 : 1 + EPOCH_BYTES]
    seen, at = _take_snapshot(data, 1 + EPOCH_BYTES)
    if at == len(data):
        return Position(epoch, seen)
    target, at = _take_snapshot(data, at)
    revision, at = _take(data, at)
    kind, at = _take(data, at)
    key = data[at:].decode()
    if kind > _MAX_KIND or "\0" in key:
        raise ValueError(kind, key)
    return Position(epoch, seen, Cut(target, ChangeKey(revision, kind, key)))


def _put_snapshot(out: bytearray, snapshot: Snapshot) -> None:
    """Write xmax, the number in progress, and the distances between them, downwards: small numbers, few bytes."""
    _put(out, snapshot.xmax)
    _put(out, len(snapshot.in_progress))
    above = snapshot.xmax
    for xid in reversed(snapshot.in_progress):
        _put(out, above - xid)
        above = xid


def _take_snapshot(data: bytes, at: int) -> tuple[Snapshot, int]:
    xmax, at = _take(data, at)
    count, at = _take(data, at)
    if count > len(data):
        raise ValueError(count)
    in_progress = []
    above = xmax
    for _ in range(count):
        distance, at = _take(data, at)
        above -= distance
        if distance == 0 or above < 0:
            raise ValueError(above)
        in_progress.append(above)
    return Snapshot(xmax, tuple(reversed(in_progress))), at


def _put(out: bytearray, number: int) -> None:
    """Write an unsigned number seven bits a byte, lowest first (LEB128)."""
    while number > 0x7F:  # noqa: PLR2004  (the seven bits)
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _take(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if number > _MAX_REVISION:
            raise ValueError(number)
        if byte < 0x80:  # noqa: PLR2004  (the continuation bit)
            return number, at
        shift += 7
