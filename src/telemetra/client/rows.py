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
        self._ahead: Page[T] | None = None
        """A page that is there because of its position alone."""

    @property
    def position(self) -> str:
        """
        Where the first page stood; that page is asked for where it is not there yet, and its rows come when you want them.

        Take all rows, and go on by `live(..., since=position)`: nothing is lost in between. What changed while you read may
        come again.

        Raises:
            TelemetraError: as `stream` does, if the page is asked for.
            AnswerUnreadable: the answer does not say where it stands.

        """
        if not self._course.has_begun:
            self._ahead = self.next_page()
        return self._course.position

    def next_page(self) -> Page[T] | None:
        """Ask for the next page, whole; None at the end."""
        page, self._ahead = self._ahead, None
        if page is not None:
            return page
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
        self._ahead: Page[T] | None = None
        """A page that is there because of its position alone."""

    @property
    def position(self) -> str:
        """
        Where the first page stood, once it is there: after the first row, page or `read_position`.

        Take all rows, and go on by `live(..., since=position)`: nothing is lost in between. What changed while you read may
        come again.

        Raises:
            RuntimeError: nothing was read yet, and a property can't wait for it.
            AnswerUnreadable: the answer does not say where it stands.

        """
        if not self._course.has_begun:
            raise RuntimeError(
                "position: nothing was read yet; read rows first, or write `await rows.read_position()`."
            )
        return self._course.position

    async def read_position(self) -> str:
        """
        Return `position`; the first page is asked for where it is not there yet, and its rows come when you want them.

        Raises:
            TelemetraError: as `stream` does, if the page is asked for.
            AnswerUnreadable: the answer does not say where it stands.

        """
        if not self._course.has_begun:
            self._ahead = await self.next_page()
        return self._course.position

    async def next_page(self) -> Page[T] | None:
        """Ask for the next page, whole; None at the end."""
        page, self._ahead = self._ahead, None
        if page is not None:
            return page
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
