"""
A small model of the database: transactions numbered like PostgreSQL's, snapshots of who was in progress.

Optimistic and without locks between transactions: what a transaction wrote is applied when it commits, so the last
commit wins on a key. Safe to use from several threads, because test clients run applications in one of their own.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

from telemetra.adapters.memory.tables import Tables
from telemetra.domain.changes import ChangeKind
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.moments import Moment
from telemetra.domain.positions import EPOCH_BYTES, Position, Snapshot
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary

T = TypeVar("T")


class MemoryDatabase:
    """
    The tables, the transactions in progress and the epoch. As a `HealthProbe` it answers for itself.

    Setting `available` to False cuts the ports off (they raise `DatabaseUnavailable`); transactions that a test
    commits meanwhile go on, as those of other writers would.
    """

    def __init__(self, *, epoch: bytes | None = None) -> None:
        self.epoch = epoch or secrets.token_bytes(EPOCH_BYTES)
        self._tables = Tables()
        self._next_revision = 1
        self._in_progress: set[int] = set()
        self._forgotten: set[int] = set()
        self._available = True
        self._lock = threading.RLock()
        self._bells: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._led = False

    @property
    def available(self) -> bool:
        """Whether the ports reach the database."""
        return self._available

    @available.setter
    def available(self, available: bool) -> None:
        self._available = available
        self._ring()

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        """Be unavailable for a while."""
        self.available = False
        try:
            yield
        finally:
            self.available = True

    async def check(self) -> None:
        """
        Return when the database is available.

        Raises:
            DatabaseUnavailable: it is not.

        """
        with self.open():
            pass

    def begin(self) -> MemoryTransaction:
        """Begin a transaction; it has its id from here on, and is in progress in every snapshot until it ends."""
        with self._lock:
            revision = self._next_revision
            self._next_revision += 1
            self._in_progress.add(revision)
            return MemoryTransaction(self, revision)

    @contextmanager
    def open(self) -> Iterator[Tables]:
        """
        Hold the tables still: nothing commits until the block ends. Don't await in it.

        Raises:
            DatabaseUnavailable: the ports are cut off.

        """
        with self._lock:
            if not self._available:
                raise DatabaseUnavailable
            yield self._tables

    def position(self) -> Position:
        """Return where a reader of all that is committed now stands."""
        with self._lock:
            in_progress = sorted(self._in_progress)
            xmin = in_progress[0] if in_progress else self._next_revision
            text = f"{xmin}:{self._next_revision}:{','.join(map(str, in_progress))}"
            newest = self._tables.newest_revision
            return Position(self.epoch, Snapshot.from_postgres(text, newest_revision=newest))

    def can_resume(self, position: Position) -> bool:
        """Whether the position is of this database's history, and all that was removed since is still known."""
        with self._lock:
            return (
                position.epoch == self.epoch
                and max(position.seen.xmax, position.reached.xmax) <= self._next_revision
                and all(position.seen.sees(revision) for revision in self._forgotten)
            )

    def forget_removals(self) -> None:
        """Drop the removals, as the database does after seven days: positions from before them end."""
        with self._lock:
            self._forgotten |= {row.revision for row in self._tables.removals}
            self._tables.removals.clear()

    def crash(self) -> None:
        """Lose the transactions in progress; ids above the newest stored one are handed out again afterwards."""
        with self._lock:
            self._in_progress.clear()
            self._next_revision = self._tables.newest_revision + 1

    def take_lead(self) -> bool:
        """Take the lead if nobody has it; whoever took it gives it up."""
        with self._lock:
            taken, self._led = not self._led, True
            return taken

    def give_lead_up(self) -> None:
        """Let another take the lead."""
        self._led = False
        self._ring()

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """
        Lend an event of the running loop that is set when there may be something new; the borrower clears it.

        After each commit, that is, when the database goes or comes, and when the lead is given up.
        """
        bell = (asyncio.get_running_loop(), asyncio.Event())
        self._bells.add(bell)
        try:
            yield bell[1]
        finally:
            self._bells.discard(bell)

    def end(self, revision: int, writes: list[Callable[[Tables, int], None]]) -> None:
        """End a transaction and apply what it wrote, all of it before anybody looks."""
        with self._lock:
            if revision not in self._in_progress:
                raise RuntimeError(f"Transaction {revision} has ended.")
            for write in writes:
                write(self._tables, revision)
            self._in_progress.remove(revision)
        if writes:
            self._ring()

    def _ring(self) -> None:
        for loop, event in tuple(self._bells):
            if loop.is_closed():
                self._bells.discard((loop, event))
            else:
                loop.call_soon_threadsafe(event.set)


class MemoryTransaction:
    """
    Writes that become visible together, at `commit`. As a context manager it commits, or rolls back on an error.

    Raises:
        RuntimeError: it has ended already.

    """

    def __init__(self, database: MemoryDatabase, revision: int) -> None:
        self.revision = revision
        self._database = database
        self._writes: list[Callable[[Tables, int], None]] = []

    def put_stream(self, stream: Stream) -> None:
        """Insert or replace a stream's row."""
        self._write(Tables.put_stream, stream)

    def put_window(self, summary: WindowSummary) -> None:
        """
        Insert or replace the window with this key.

        Raises:
            ValueError: the table's checks refuse it.

        """
        if summary.window_end <= summary.window_start:
            raise ValueError("A window ends after it starts.")
        self._write(Tables.put_window, summary)

    def put_moment(self, moment: Moment) -> None:
        """Insert or replace the moment with this id."""
        self._write(Tables.put_moment, moment)

    def remove_stream(self, stream_id: str) -> None:
        """Delete the stream's own row."""
        self._write(Tables.remove_stream, stream_id)

    def remove_window(self, stream_id: str, window_start: datetime, window_end: datetime) -> None:
        """Delete a window."""
        self._write(Tables.remove_window, (stream_id, window_start, window_end))

    def remove_moment(self, moment_id: str) -> None:
        """Delete a moment."""
        self._write(Tables.remove_moment, moment_id)

    def truncate(self, kind: ChangeKind) -> None:
        """Empty the table of this kind."""
        self._write(Tables.truncate, kind)

    def commit(self) -> None:
        """Make all of it visible."""
        self._database.end(self.revision, self._writes)

    def rollback(self) -> None:
        """Drop all of it."""
        self._database.end(self.revision, [])

    def _write(self, put: Callable[[Tables, int, T], None], value: T) -> None:
        self._writes.append(lambda tables, revision: put(tables, revision, value))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()
