"""A kept answer: its body in each coding that was asked for, and the headers that go with it, ready to be sent."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from typing import Final

from telemetra.domain.positions import Position
from telemetra.entrypoints.cache.questions import Question

Headers = list[tuple[bytes, bytes]]

CODINGS: Final = frozenset({b"gzip"})
"""What answers are kept in, beside as they are."""
_SMALLEST_BYTES: Final = 512
"""A smaller body gains nothing by compression."""
_GZIP_LEVEL: Final = 6
_OF_THE_BODY: Final = frozenset({b"content-type", b"content-length", b"content-encoding"})


class Variant:
    """One coding of the body: what is sent with 200, and with 304."""

    __slots__ = ("body", "entity_tag", "full", "unchanged")

    def __init__(self, headers: Headers, body: bytes, coding: bytes, entity_tag: bytes) -> None:
        self.body = body
        self.entity_tag = entity_tag
        self.full = [(b"etag", entity_tag), *headers, (b"content-length", b"%d" % len(body))]
        if coding:
            self.full.append((b"content-encoding", coding))
        self.unchanged = [(name, value) for name, value in self.full if name not in _OF_THE_BODY]


class Entry:
    """An answer (200), the position that it was read at, what it was read from, and how long it may live."""

    __slots__ = (
        "_headers",
        "_tag_text",
        "_variants",
        "better_than_nothing_until",
        "expires_at",
        "headers",
        "is_asked_again",
        "key",
        "position",
        "size_bytes",
        "tag",
    )

    def __init__(
        self,
        question: Question,
        position: Position,
        headers: Headers,
        body: bytes,
        *,
        expires_at: float,
    ) -> None:
        named = dict(headers)
        self.key = question.key
        self.tag = question.tag
        self.position = position
        self.expires_at = expires_at
        self.better_than_nothing_until = 0.0
        """While the database is away: given though nobody can tell whether it still holds."""
        self.is_asked_again = False
        self.headers = headers
        self._tag_text = named[b"etag"].strip(b'"')
        self._headers = [(name, value) for name, value in headers if name not in {b"etag", b"content-length"}]
        self._variants = {b"": Variant(self._headers, body, b"", named[b"etag"])}
        self.size_bytes = len(body) + sum(len(name) + len(value) for name, value in headers)

    @property
    def plain(self) -> Variant:
        """The body as it is."""
        return self._variants[b""]

    def has(self, coding: bytes) -> bool:
        """Whether there is nothing to be made for this coding."""
        return coding in self._variants

    def variant(self, coding: bytes) -> Variant:
        """Return the body in a coding; made once, when it is first asked for. A validator differs by coding."""
        found = self._variants.get(coding)
        if found is None:
            body = gzip.compress(self.plain.body, _GZIP_LEVEL, mtime=0)
            tag = b'"' + self._tag_text + b"-" + coding + b'"'
            found = self._variants[coding] = Variant(self._headers, body, coding, tag)
            self.size_bytes += len(body)
        return found

    def coding_for(self, accepted: frozenset[bytes]) -> bytes:
        """Return the coding to answer in for one who takes these; empty: none."""
        return b"gzip" if b"gzip" in accepted and len(self.plain.body) >= _SMALLEST_BYTES else b""


def accepted_codings(values: Iterable[bytes]) -> frozenset[bytes]:
    """Read `Accept-Encoding` (RFC 9110, section 12.5.3): those of our codings that it does not rule out."""
    accepted: set[bytes] = set()
    refused: set[bytes] = set()
    for part in b",".join(values).lower().split(b","):
        name, *parameters = (piece.strip() for piece in part.split(b";"))
        weights = [piece[2:].strip() for piece in parameters if piece.startswith(b"q=")]
        is_refused = any(not weight.strip(b"0.") for weight in weights)
        (refused if is_refused else accepted).add(b"gzip" if name == b"x-gzip" else name)
    if b"*" in accepted:
        accepted.add(b"gzip")
    return CODINGS & (accepted - refused)
