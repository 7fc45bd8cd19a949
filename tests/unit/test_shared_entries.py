"""What other processes have kept, or anybody has put in its place: an answer, or none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from telemetra.domain.positions import Position, Snapshot
from telemetra.domain.queries import Answer
from telemetra.entrypoints.cache.entries import Entry
from telemetra.entrypoints.cache.questions import Question
from telemetra.entrypoints.cache.shared import decode, encode
from telemetra.entrypoints.http.answers import make_reply
from telemetra.entrypoints.http.streams import LIST_READ

_NOW = 1_000.0
_TTL_SECONDS = 60


@dataclass(frozen=True)
class _Kept:
    """An answer as it was kept."""

    question: Question
    content: bytes

    def changed(self, place: int, change: Callable[[Any], Any]) -> Entry | None:
        """Read it back with one of its parts changed."""
        parts = msgspec.msgpack.decode(self.content)
        parts[place] = change(parts[place])
        return decode(msgspec.msgpack.encode(parts), self.question, now=_NOW)


@pytest.fixture
def kept() -> _Kept:
    asked = LIST_READ.asked(b"limit=1")
    question = Question(("/", asked.query), b"", _TTL_SECONDS, asked)
    position = Position(b"8 bytes.", Snapshot(14))
    reply = make_reply(Answer(value=[], position=position, more=True), {"next": "?offset=1"})
    entry = Entry(question, reply.position, reply.headers, reply.body, expires_at=_NOW)
    return _Kept(question, encode(entry, ttl_seconds=30))


def test_an_answer_comes_back_as_it_was_kept(kept: _Kept) -> None:
    entry = kept.changed(3, lambda body: body)
    assert entry
    assert entry.plain.body == b"[]"
    assert 0 < entry.expires_at - _NOW <= 30


@pytest.mark.parametrize("until", [math.nan, math.inf, 1e300])
def test_an_answer_without_an_end_has_that_of_a_new_one(kept: _Kept, until: float) -> None:
    entry = kept.changed(4, lambda _: until)
    assert entry
    assert entry.expires_at == _NOW + _TTL_SECONDS


@pytest.mark.parametrize(
    "header",
    [
        (b"x-evil", b"1"),
        (b"set-cookie", b"a=b"),
        (b"content-length", b"7"),
        (b"Content-Type", b"text/html"),
        (b"link", b"a\r\nx-evil: 1"),
        (b"link", b"a\0"),
        (b"etag", b"\xff"),
        (b"vary", b"\x7f"),
    ],
)
def test_headers_that_are_none_of_ours_are_no_answer(kept: _Kept, header: tuple[bytes, bytes]) -> None:
    assert kept.changed(2, lambda headers: [*headers, header]) is None


@pytest.mark.parametrize("missing", [b"etag"])
def test_an_answer_without_a_validator_is_none(kept: _Kept, missing: bytes) -> None:
    assert kept.changed(2, lambda headers: [pair for pair in headers if pair[0] != missing]) is None
