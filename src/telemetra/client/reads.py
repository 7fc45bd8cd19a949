"""
Reads: what can be asked over HTTP, as requests, and the course through the pages of a listing.

Knows paths, parameters and headers as the README tells them; nothing of how a request is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import index
from typing import Final, Generic, SupportsIndex, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from telemetra.client.errors import AnswerUnreadable

T = TypeVar("T")

POSITION: Final = "Telemetra-Position"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How new an answer has to be."""

    position: str | None = None
    """The answer includes what a reader at this position has seen."""
    no_cache: bool = False
    """The database is asked, whatever is kept."""

    def headers(self) -> dict[str, str]:
        """Return what a request carries to say so."""
        headers = {} if self.position is None else {POSITION: self.position}
        return headers | ({"Cache-Control": "no-cache"} if self.no_cache else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[T]):
    """A question: where, how new, and what the body of its answer is."""

    url: str
    body: msgspec.json.Decoder[T]
    freshness: Freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of a listing, in its order."""

    rows: list[T]
    position: str | None
    """Where a reader stands that has these rows: `live(..., since=position)` goes on from there."""
    next: str | None
    """The address of the next page; None where this is the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """A question whose answer has pages; of `limit` rows in all, if it is given, and of at most `most` a page."""

    url: str
    body: msgspec.json.Decoder[list[T]]
    most: int
    limit: int | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    freshness: Freshness = Freshness()

    def __post_init__(self) -> None:
        limit: object = self.limit
        if limit is None:
            return
        expected = "limit: expected a whole number from 1, or None for all there is"
        if not isinstance(limit, SupportsIndex):
            raise TypeError(f"{expected}, and not {limit!r}.")
        if index(limit) < 1:
            raise ValueError(f"{expected}.")

    @property
    def page_size(self) -> int:
        """How many rows to ask for at a time: as many as fit, and so that no row is fetched beyond the limit's pages."""
        if self.limit is None:
            return self.most
        pages = -(-self.limit // self.most)
        return -(-self.limit // pages)


class Course(Generic[T]):
    """
    The way through a listing's pages: what to ask next, and how far one has come.

    Each later page must include what the first one did: read from an older answer, on another process, it could miss a
    change that the first page's position counts as seen.
    """

    def __init__(self, listing: Listing[T]) -> None:
        self.has_begun = False
        """Whether the first page is there."""
        self._position: str | None = None
        self._freshness = listing.freshness
        self._left = listing.limit
        self._body = listing.body
        query = {"limit": str(listing.page_size), **listing.query}
        self._url: str | None = f"{listing.url}?{urlencode(query)}"

    @property
    def position(self) -> str:
        """
        Where the first page stood, which must be there.

        Raises:
            AnswerUnreadable: its answer does not say so.

        """
        if self._position is None:
            raise AnswerUnreadable(
                f"The answer has no {POSITION}, which every service gives: does something on the way drop the header?"
            )
        return self._position

    def next_request(self) -> Request[list[T]] | None:
        """Return what to ask now; None at the end. It stays the same until its page is taken."""
        if self._url is None:
            return None
        return Request(url=self._url, body=self._body, freshness=self._freshness)

    def take(self, page: Page[T]) -> Page[T]:
        """
        Go on behind a page, and return what of it is within the limit.

        Raises:
            AnswerUnreadable: the page names one as its next that can't be.

        """
        if page.next is not None and not self._leads_on(page.next):
            raise AnswerUnreadable(
                f"A page names {page.next!r} as the next one: this client does not follow."
            )
        if not self.has_begun:
            self.has_begun = True
            self._position = page.position
            self._freshness = Freshness(
                position=page.position or self._freshness.position, no_cache=self._freshness.no_cache
            )
        self._url = page.next
        if self._left is not None:
            page = Page(rows=page.rows[: self._left], position=page.position, next=page.next)
            self._left -= len(page.rows)
            if not self._left:
                self._url = None
        return page

    def _leads_on(self, url: str) -> bool:
        """Whether a link stays with the server that is trusted with the token, and goes on."""
        here, there = urlsplit(self._url or ""), urlsplit(url)
        return (here.scheme, here.netloc) == (there.scheme, there.netloc) and here != there


def told_time(name: str, time: object) -> str:
    """
    Return a time as a parameter tells it: RFC 3339, in UTC.

    Raises:
        TypeError: it is no `datetime`.
        ValueError: it does not say in which time zone it is.

    """
    if not isinstance(time, datetime):
        raise TypeError(
            f"{name}: expected a datetime with a time zone, such as datetime(2026, 1, 31, tzinfo=UTC), and not {time!r}."
        )
    if time.utcoffset() is None:
        raise ValueError(
            f"{name}: it names no time zone; write datetime(..., tzinfo=UTC), or use time.astimezone() for local time."
        )
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
