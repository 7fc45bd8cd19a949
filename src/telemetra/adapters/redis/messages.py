"""
What goes over the live bus: a step in parts, one for each stream that changed, and a header, which comes last.

A subscriber takes the parts of the streams that it follows. The header tells by tags which streams changed, so that
one whose part is missing is known. Knows nothing of connections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from telemetra.domain.changes import TAG_BYTES, Change, ChangeKind, Removal, Step, Tag, tag_of
from telemetra.domain.moments import Moment
from telemetra.domain.positions import ChangeKey, Position
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow

VERSION: Final = 2
"""Part of the channels' names: processes of another version, with other messages, hear nothing rather than nonsense."""

MAX_PART_BYTES: Final = 1024 * 1024
MAX_STEP_BYTES: Final = 4 * 1024 * 1024
"""More than Redis keeps for a subscriber that is slow for a moment would have it thrown out."""


class _Changes(Struct, frozen=True, array_like=True):
    """
    Changes by their kind, which types them: of each its revision, its key, and what it is about.

    Their order is that of their keys, so it need not be kept.
    """

    removals: list[tuple[int, str, Removal]]
    streams: list[tuple[int, str, Stream]]
    windows: list[tuple[int, str, MetricWindow]]
    moments: list[tuple[int, str, Moment]]


class _Part(Struct, frozen=True, array_like=True):
    step: bytes
    changes: _Changes


class _Header(Struct, frozen=True, array_like=True):
    step: bytes
    before: Position
    after: Position
    carried: bool
    everywhere: _Changes
    changed: bytes
    """The tags of the streams that changed, one after the other."""
    lists: bool
    unseen_at: float | None = None
    """Last, and with a default: those who do not know of it yet leave it alone."""


_encoder: Final = msgspec.msgpack.Encoder()
_part_decoder: Final = msgspec.msgpack.Decoder(_Part)
_header_decoder: Final = msgspec.msgpack.Decoder(_Header)

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for what it can't read."""


class MessageUnreadable(Exception):
    """A message is none of these."""


def encode_parts(step: Step, name: bytes) -> dict[str, bytes]:
    """Return the parts by stream; those that are too large, or can't be told, are left out."""
    parts = {}
    left_bytes = MAX_STEP_BYTES
    for stream_id, changes in step.changes.items():
        try:
            part = _encoder.encode(_Part(name, _pack(changes)))
        except (ValueError, OverflowError, RecursionError):
            # A writer's JSON may hold numbers and texts that no message holds.
            continue
        if len(part) <= min(MAX_PART_BYTES, left_bytes):
            parts[stream_id] = part
            left_bytes -= len(part)
    return parts


def encode_header(step: Step, name: bytes) -> bytes:
    """Return the header; `name` is the step's own, and tells its parts from those of others."""
    changed = b"".join([*map(tag_of, step.changes.keys() | step.uncarried), *step.others])
    return _encoder.encode(
        _Header(
            name,
            step.before,
            step.after,
            step.carried,
            _pack(step.everywhere),
            changed,
            step.lists,
            step.unseen_at,
        )
    )


class StepAssembly:
    """
    Puts steps together from messages in the order of their arrival.

    Parts whose header does not come are dropped with the next part or header of another step.
    """

    def __init__(self) -> None:
        self._step = b""
        self._parts: dict[str, list[Change]] = {}

    def take_part(self, stream_id: str, message: bytes) -> None:
        """
        Keep a part until its header comes.

        Raises:
            MessageUnreadable: it is dropped.

        """
        try:
            part = _part_decoder.decode(message)
        except _UNREADABLE as error:
            raise MessageUnreadable(str(error)) from error
        if part.step != self._step:
            self._step, self._parts = part.step, {}
        self._parts[stream_id] = _unpack(part.changes)

    def take_header(self, message: bytes, followed: Mapping[Tag, str]) -> Step:
        """
        Return the step as it is for one that follows these streams, given by their tags.

        Raises:
            MessageUnreadable: the step is dropped.

        """
        try:
            header = _header_decoder.decode(message)
        except _UNREADABLE as error:
            raise MessageUnreadable(str(error)) from error
        parts = self._parts if header.step == self._step else {}
        self._step, self._parts = b"", {}
        starts = range(0, len(header.changed), TAG_BYTES)
        tags = frozenset(header.changed[start : start + TAG_BYTES] for start in starts)
        mine = {followed[tag] for tag in tags & followed.keys()}
        return Step(
            before=header.before,
            after=header.after,
            changes={stream_id: parts[stream_id] for stream_id in mine if stream_id in parts},
            everywhere=_unpack(header.everywhere),
            carried=header.carried,
            uncarried=frozenset(mine - parts.keys()),
            others=tags - followed.keys(),
            lists=header.lists,
            unseen_at=header.unseen_at,
        )


def _pack(changes: Sequence[Change]) -> _Changes:
    packed = _Changes([], [], [], [])
    for change in changes:
        revision, key = change.revision, change.key.key
        match change.data:
            case Removal() as removal:
                packed.removals.append((revision, key, removal))
            case Stream() as stream:
                packed.streams.append((revision, key, stream))
            case MetricWindow() as window:
                packed.windows.append((revision, key, window))
            case Moment() as moment:
                packed.moments.append((revision, key, moment))
    return packed


def _unpack(packed: _Changes) -> list[Change]:
    kinds = (
        (ChangeKind.REMOVAL, packed.removals),
        (ChangeKind.STREAM, packed.streams),
        (ChangeKind.WINDOW, packed.windows),
        (ChangeKind.MOMENT, packed.moments),
    )
    changes = [
        Change(key=ChangeKey(revision, kind, key), data=data)
        for kind, rows in kinds
        for revision, key, data in rows
    ]
    changes.sort(key=lambda change: change.key)
    return changes
