"""Rows: a listing as an iterator, which asks for a page when it needs one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Generic, Self, TypeVar

from telemetra.client.reads import Course, Listing, Page, Request

T = TypeVar("T")


class Rows(Iterator[T], Generic[T]):
    """
    All rows of a listing, page after page as they are needed; nothing is asked before the first is wanted.

    Iterate over the rows, or take whole pages by `next_page` or `pages`. After an error, which the iteration raises as
    `stream` does, it can be gone on with: what was not handed over comes again.
    """

    def __init__(self, listing: Listing[T], fetch: Callable[[Request[list[T]]], Page[T]]) -> None:
        self._course = Course(listing)
        self._fetch = fetch
        self._rows: Iterator[T] = iter(())

    @property
    def position(self) -> str | None:
        """
        Where the first page stood; None before it is there.

        Take all rows, and go on by `live(..., since=position)`: nothing is lost in between. What changed while you read may
        come again.
        """
        return self._course.position

    def next_page(self) -> Page[T] | None:
        """Ask for the next page, whole; None at the end."""
        request = self._course.next_request()
        return None if request is None else self._course.take(self._fetch(request))

    def pages(self) -> Iterator[Page[T]]:
        """Yield the pages that are still to come."""
        while (page := self.next_page()) is not None:
            yield page

    def __iter__(self) -> Self:
        """Iterate over the rows."""
        return self

    def __next__(self) -> T:
        """Return the next row."""
        while True:
            for row in self._rows:
                return row
            page = self.next_page()
            if page is None:
                raise StopIteration
            self._rows = iter(page.rows)


class AsyncRows(AsyncIterator[T], Generic[T]):
    """
    All rows of a listing, page after page as they are needed; nothing is asked before the first is wanted.

    Iterate over the rows, or take whole pages by `next_page` or `pages`. After an error, which the iteration raises as
    `stream` does, it can be gone on with: what was not handed over comes again.
    """

    def __init__(self, listing: Listing[T], fetch: Callable[[Request[list[T]]], Awaitable[Page[T]]]) -> None:
        self._course = Course(listing)
        self._fetch = fetch
        self._rows: Iterator[T] = iter(())

    @property
    def position(self) -> str | None:
        """
        Where the first page stood; None before it is there.

        Take all rows, and go on by `live(..., since=position)`: nothing is lost in between. What changed while you read may
        come again.
        """
        return self._course.position

    async def next_page(self) -> Page[T] | None:
        """Ask for the next page, whole; None at the end."""
        request = self._course.next_request()
        return None if request is None else self._course.take(await self._fetch(request))

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Yield the pages that are still to come."""
        while (page := await self.next_page()) is not None:
            yield page

    def __aiter__(self) -> Self:
        """Iterate over the rows."""
        return self

    async def __anext__(self) -> T:
        """Return the next row."""
        while True:
            for row in self._rows:
                return row
            page = await self.next_page()
            if page is None:
                raise StopAsyncIteration
            self._rows = iter(page.rows)
