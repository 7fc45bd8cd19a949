"""
Cursors: where a page ended, as opaque URL-safe text.

A cursor names the last row by its key, so the next page is right whatever was written in between, and costs the same
at any depth.
"""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from telemetra.domain.queries import MomentCursor, WindowCursor

C = TypeVar("C", WindowCursor, MomentCursor)

_WINDOW: Final = struct.Struct(">cqq")
_MOMENT: Final = struct.Struct(">cq")
_WINDOW_KIND: Final = b"w"
_MOMENT_KIND: Final = b"m"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NOT_UNDERSTOOD: Final = "Expected a cursor from the Link header of an earlier answer of this path."


def encode_window_cursor(cursor: WindowCursor) -> str:
    """Return the text that `parse_window_cursor` reads."""
    return _encode(
        _WINDOW.pack(_WINDOW_KIND, _microseconds(cursor.window_start), _microseconds(cursor.window_end))
    )


def encode_moment_cursor(cursor: MomentCursor) -> str:
    """Return the text that `parse_moment_cursor` reads."""
    return _encode(_MOMENT.pack(_MOMENT_KIND, _microseconds(cursor.timestamp)) + cursor.moment_id.encode())


def parse_window_cursor(text: str) -> WindowCursor:
    """
    Read a cursor among windows.

    Raises:
        ValueError: it is none; the message is for people.

    """
    data = _decode(text)
    try:
        kind, start, end = _WINDOW.unpack(data)
        cursor = WindowCursor(_instant(start), _instant(end))
    except (struct.error, OverflowError) as error:
        raise ValueError(_NOT_UNDERSTOOD) from error
    return _made_here(cursor, is_ours=kind == _WINDOW_KIND and encode_window_cursor(cursor) == text)


def parse_moment_cursor(text: str) -> MomentCursor:
    """
    Read a cursor among moments.

    Raises:
        ValueError: it is none; the message is for people.

    """
    data = _decode(text)
    try:
        kind, timestamp = _MOMENT.unpack(data[: _MOMENT.size])
        cursor = MomentCursor(_instant(timestamp), data[_MOMENT.size :].decode())
    except (struct.error, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(_NOT_UNDERSTOOD) from error
    is_ours = kind == _MOMENT_KIND and "\0" not in cursor.moment_id and encode_moment_cursor(cursor) == text
    return _made_here(cursor, is_ours=is_ours)


def _made_here(cursor: C, *, is_ours: bool) -> C:
    """Refuse other spellings of a cursor: one place, one text."""
    if not is_ours:
        raise ValueError(_NOT_UNDERSTOOD)
    return cursor


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(_NOT_UNDERSTOOD) from error


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
