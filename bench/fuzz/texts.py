"""Targets that read a word: positions, cursors, times."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from bench.fuzz.target import Target, any_text, hold

from telemetra.domain.errors import PositionInvalid
from telemetra.domain.positions import MAX_TEXT_BYTES, NOTHING_SEEN, ChangeKey, Cut, Position, Snapshot
from telemetra.domain.queries import MomentCursor, WindowCursor
from telemetra.entrypoints.http.cursors import (
    encode_moment_cursor,
    encode_window_cursor,
    parse_moment_cursor,
    parse_window_cursor,
)
from telemetra.entrypoints.http.instants import parse_instant

_NOON: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def _in_base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _check_position(data: bytes) -> None:
    """Check the bytes as a text, and as what a text would stand for: few texts of random letters get that far."""
    for text in (any_text(data), _in_base64(data), _in_base64(b"\1epoch..." + data)):
        try:
            position = Position.parse(text)
        except PositionInvalid:
            continue
        hold(str(position) == text, "a position has one text", text, str(position))
        hold(Position.parse(str(position)) == position, "a text has one position", text)
        hold(len(text) <= MAX_TEXT_BYTES, "a position is short", len(text))
        _check_snapshot(position.seen, position.seen)
        _check_snapshot(position.reached, position.seen)


def _check_snapshot(after: Snapshot, before: Snapshot) -> None:
    for snapshot in (after, before):
        hold(snapshot.includes(snapshot), "a snapshot includes itself", snapshot)
        ends = (*snapshot.in_progress, snapshot.xmax)
        hold(all(low < high for low, high in pairwise(ends)), "ids ascend", ends)
        coarse = snapshot.coarser(2)
        hold(snapshot.includes(coarse), "a coarser one sees no more", snapshot, coarse)
    ranges = after.newly_seen(before)
    hold(all(low < high for low, high in ranges), "a range has something in it", ranges)
    hold(all(one[1] < other[0] for one, other in pairwise(ranges)), "ranges ascend, and do not touch", ranges)
    for revision in {end for low, high in ranges for end in (low, high - 1)}:
        hold(
            after.sees(revision) and not before.sees(revision),
            "what is new was not seen",
            revision,
            after,
            before,
        )
    hold(bool(ranges) or before.includes(after), "who sees nothing new has seen all", after, before)


def _cursor_check(
    parse: Callable[[str], Any], encode: Callable[[Any], str], kind: bytes
) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        for text in (any_text(data), _in_base64(data), _in_base64(kind + data)):
            try:
                cursor = parse(text)
            except ValueError as error:
                hold(str(error).startswith("Expected a cursor"), "a refusal is for people", error)
                continue
            hold(encode(cursor) == text, "a cursor has one text", text)
            hold(parse(encode(cursor)) == cursor, "a text has one cursor", text)

    return check


def _check_instant(data: bytes) -> None:
    text = any_text(data)
    try:
        instant = parse_instant(text)
    except ValueError as error:
        # Python's own messages would tell of Python.
        hold(str(error).startswith(("Expected a time", "Only the years")), "a refusal is for people", error)
        return
    hold(instant.utcoffset() == timedelta(0), "an instant is in UTC", instant)
    hold(_FIRST <= instant <= _LAST, "an instant is of the calendar", instant)
    hold(parse_instant(instant.isoformat()) == instant, "what was read can be read again", text, instant)
    hold(text.isascii(), "only ASCII is read", text)


_SNAPSHOTS: Final = (
    Snapshot(0),
    Snapshot(48_213),
    Snapshot(900, (3, 700, 899)),
    Snapshot(2**64 - 1, (2**64 - 2,)),
)
_POSITIONS: Final = (
    NOTHING_SEEN,
    *(Position(b"8 bytes.", snapshot) for snapshot in _SNAPSHOTS),
    Position(b"8 bytes.", Snapshot(10, (3,)), Cut(Snapshot(20, (12, 15)), ChangeKey(13, 2, "key \u00e9"))),
)


def _as_seeds(texts: Sequence[str]) -> list[bytes]:
    return [text.encode() for text in texts]


TARGETS: Final = (
    Target(
        name="position",
        check=_check_position,
        seeds=[*_as_seeds([*map(str, _POSITIONS), "", "A" * 2_049, "AWhmGqDEbrXN1fgCAA=="]), b"\x14\x02\x05\x03", b"\xff\xff\x03\x01\x02"],
    ),
    Target(
        name="window-cursor",
        check=_cursor_check(parse_window_cursor, encode_window_cursor, b"w"),
        seeds=[encode_window_cursor(WindowCursor(at, at)).encode() for at in (_NOON, _FIRST, _LAST)] + [b"\0" * 16],
    ),
    Target(
        name="moment-cursor",
        check=_cursor_check(parse_moment_cursor, encode_moment_cursor, b"m"),
        seeds=[encode_moment_cursor(MomentCursor(at, "m1 \u00e9")).encode() for at in (_NOON, _FIRST, _LAST)]
        + [b"\0" * 8 + b"id"],
    ),
    Target(
        name="instant",
        check=_check_instant,
        seeds=[
            b"2026-05-01T18:30:00Z", b"2026-05-01", b"2026-05-01T18:30+05:00", b"2026-05-01 18:30:00.123456789-0500",
            b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59.999999Z", b"1714586400.5", b"99999-01-01", b"2024-02-29T24:00",
            b"2026-05-01T18:30:00 05:00",
        ],
        words=[b"T", b"Z", b"+05:00", b"-00:00", b":60", b"0000", b"e9", "\u0663".encode()],
    ),
)  # fmt: skip
