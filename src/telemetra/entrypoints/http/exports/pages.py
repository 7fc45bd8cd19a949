"""All rows of a question, page by page: each is one statement, and nothing is held between two."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from telemetra.domain.errors import PositionInvalid
from telemetra.domain.moments import Moment
from telemetra.domain.positions import Position
from telemetra.domain.queries import Answer, MomentCursor, ReadMetrics, ReadMoments, WindowCursor
from telemetra.domain.windows import MetricWindow

Q = TypeVar("Q", ReadMetrics, ReadMoments)
T = TypeVar("T")


class Pages(Generic[Q, T]):
    """
    The pages that answer a question, in its order; without a `limit` to the end.

    A page goes on after the last row of the one before, so rows that others write meanwhile move nothing. What is written
    meanwhile may be in a page or not; whoever goes on live from the first page's position is told it.
    """

    def __init__(
        self,
        ask: Callable[[Q], Awaitable[Answer[Sequence[T]]]],
        query: Q,
        cursor_of: Callable[[T], Any],
        *,
        page_rows: int,
        limit: int | None = None,
    ) -> None:
        self._ask: Callable[[Q], Awaitable[Answer[Sequence[T]]]] = ask
        self._query: Q = query
        self._cursor_of = cursor_of
        self._page_rows = page_rows
        self._left = limit
        self._began_at: Position | None = None
        self._first: Sequence[T] | None = None
        self._is_read = False

    @property
    def is_over(self) -> bool:
        """Whether the last page was handed out."""
        return self._is_read and self._first is None

    async def open(self) -> Position:
        """
        Read the first page, and return where it was read.

        Raises:
            StreamNotFound: neither a stream nor any row has this id.
            DatabaseUnavailable: as the port says.

        """
        answer = await self._ask(replace(self._query, limit=self._most()))
        self._began_at, self._first = answer.position, answer.value
        self._go_on(answer)
        return answer.position

    async def read(self) -> Sequence[T]:
        """
        Return the next page. Where it raises, nothing is lost: the next call reads the same page.

        Raises:
            DatabaseUnavailable: as the port says.
            StreamNotFound: it and all its rows are gone, or another database has taken this one's place.
            PositionInvalid: another history of the database has taken this one's place; there is no going on.

        """
        if self._first is not None:
            first, self._first = self._first, None
            return first
        answer = await self._ask(replace(self._query, limit=self._most()))
        if self._began_at and self._began_at.epoch != answer.position.epoch:
            raise PositionInvalid("The database has another history than when this began.")
        self._go_on(answer)
        return answer.value

    def _most(self) -> int:
        return self._page_rows if self._left is None else min(self._page_rows, self._left)

    def _go_on(self, answer: Answer[Sequence[T]]) -> None:
        rows = answer.value
        if self._left is not None:
            self._left -= len(rows)
        self._is_read = not (answer.more and rows) or self._left == 0
        if rows:
            cursor = self._cursor_of(rows[-1])
            # Rows at the ends of the calendar share a time that stands for theirs: a page would follow itself for ever.
            self._is_read = self._is_read or cursor == self._query.after
            self._query = replace(self._query, after=cursor)


def window_cursor(window: MetricWindow) -> WindowCursor:
    """Return where a page that ends with this window ends."""
    return WindowCursor(window.window_start, window.window_end)


def moment_cursor(moment: Moment) -> MomentCursor:
    """Return where a page that ends with this moment ends."""
    return MomentCursor(moment.timestamp, moment.moment_id)
