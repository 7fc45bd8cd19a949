"""How answers are written for other processes, and read from what may be anything."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from telemetra.domain.errors import PositionInvalid
from telemetra.domain.ports import SharedAnswer
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


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Written)


def shared_key(question: Question) -> bytes:
    """Return where all processes look for a question's answer; one of another version may mean another by it."""
    return (
        blake2b(f"{VERSION} {question.key!r}".encode(errors="surrogatepass"), digest_size=16)
        .hexdigest()
        .encode()
    )


def encode(entry: Entry) -> bytes:
    """Return what `decode` reads."""
    return _encoder.encode(_Written(VERSION, str(entry.position), entry.headers, entry.plain.body))


def decode(answer: SharedAnswer, question: Question, *, now: float) -> Entry | None:
    """Return the entry; None for what is none."""
    try:
        written = _decoder.decode(answer.content)
        position = Position.parse(written.position)
        if written.version != VERSION or not any(name == b"etag" for name, _ in written.headers):
            return None
    except (msgspec.DecodeError, PositionInvalid) as error:
        _log.warning("shared_answer_unreadable", reason=str(error))
        return None
    return Entry(
        question.key,
        question.tag,
        position,
        written.headers,
        written.body,
        expires_at=now + min(answer.ttl_seconds, question.ttl_seconds),
    )
