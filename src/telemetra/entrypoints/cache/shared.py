"""How answers are written for other processes, and read from what may be anything."""

from __future__ import annotations

from time import time
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from telemetra.domain.errors import PositionInvalid
from telemetra.domain.positions import Position
from telemetra.entrypoints.cache.entries import Entry
from telemetra.entrypoints.cache.questions import Question
from telemetra.entrypoints.http.index import VERSION

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
        if written.version != VERSION or not any(name == b"etag" for name, _ in written.headers):
            return None
    except (msgspec.DecodeError, PositionInvalid) as error:
        _log.warning("shared_answer_unreadable", reason=str(error))
        return None
    return Entry(
        question,
        position,
        written.headers,
        written.body,
        expires_at=now + min(written.expires_at - time(), question.ttl_seconds),
    )
