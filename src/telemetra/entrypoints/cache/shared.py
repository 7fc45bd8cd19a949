"""How answers are written for other processes, and read from what may be anything."""

from __future__ import annotations

import re
from time import time
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from telemetra.domain.errors import PositionInvalid
from telemetra.domain.positions import Position
from telemetra.entrypoints.cache.entries import Entry, Headers
from telemetra.entrypoints.cache.questions import Question
from telemetra.entrypoints.http.answers import REPLY_HEADERS
from telemetra.entrypoints.http.index import VERSION

_PRINTABLE: Final = re.compile(rb"[ -~]*")

_log = structlog.get_logger(__name__)


class _Written(Struct, frozen=True, array_like=True):
    version: str
    position: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    expires_at: float
    """Seconds since 1970."""


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Written)


def encode(entry: Entry, *, ttl_seconds: float) -> bytes:
    """Return what `decode` reads."""
    expires_at = time() + ttl_seconds
    return _encoder.encode(
        _Written(VERSION, str(entry.position), entry.headers, entry.plain.body, expires_at)
    )


def decode(content: bytes, question: Question, *, now: float) -> Entry | None:
    """
    Return the entry; None for what is none.

    It lives as long as it was given, by the wall clock, and whatever clocks do, no longer than a new one.
    """
    try:
        written = _decoder.decode(content)
        position = Position.parse(written.position)
        if written.version != VERSION:
            return None
        _require_ours(written.headers)
    except (msgspec.DecodeError, PositionInvalid, ValueError) as error:
        _log.warning("shared_answer_unreadable", reason=str(error))
        return None
    return Entry(
        question,
        position,
        written.headers,
        written.body,
        # In this order: not a number is less than nothing.
        expires_at=now + min(question.ttl_seconds, written.expires_at - time()),
    )


def _require_ours(headers: Headers) -> None:
    """
    Look at the headers before they are anybody's: the server would fail at some, and clients believe others.

    Raises:
        ValueError: an answer of ours does not have such.

    """
    names = {name for name, _ in headers}
    if b"etag" not in names or not names <= REPLY_HEADERS:
        raise ValueError("It has not the headers of an answer.")
    if not all(_PRINTABLE.fullmatch(value) for _, value in headers):
        raise ValueError("A header's value is none.")
