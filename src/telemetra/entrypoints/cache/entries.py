"""A kept answer: its body in each coding that was asked for, and the headers that go with it, ready to be sent."""

from __future__ import annotations

from typing import Final

from telemetra.domain.positions import Position
from telemetra.entrypoints.cache.questions import Question
from telemetra.entrypoints.http.codings import SMALLEST_BYTES

Headers = list[tuple[bytes, bytes]]

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
        "asked_at",
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
        asked_at: int = 0,
    ) -> None:
        named = dict(headers)
        self.key = question.key
        self.tag = question.tag
        self.position = position
        self.expires_at = expires_at
        self.better_than_nothing_until = 0.0
        """While the database is away: given though nobody can tell whether it still holds."""
        self.is_asked_again = False
        self.asked_at = asked_at
        """When the database was asked, as this process counts; 0: by another."""
        self.headers = headers
        self._tag_text = named[b"etag"].strip(b'"')
        self._headers = [(name, value) for name, value in headers if name not in {b"etag", b"content-length"}]
        self._variants = {b"": Variant(self._headers, body, b"", named[b"etag"])}
        self.size_bytes = len(body) + sum(len(name) + len(value) for name, value in headers)

    @property
    def plain(self) -> Variant:
        """The body as it is."""
        return self._variants[b""]

    def variant(self, coding: bytes) -> Variant | None:
        """Return the body in a coding, if it was made."""
        return self._variants.get(coding)

    def add(self, coding: bytes, body: bytes) -> Variant:
        """Take the body in a coding, and return how it is sent. A validator differs by coding."""
        tag = b'"' + self._tag_text + b"-" + coding + b'"'
        made = self._variants[coding] = Variant(self._headers, body, coding, tag)
        self.size_bytes += len(body)
        return made

    def coding_for(self, preferred: bytes) -> bytes:
        """Return the coding to answer in for one who prefers this; empty: none. A small body gains nothing."""
        return preferred if len(self.plain.body) >= SMALLEST_BYTES else b""
