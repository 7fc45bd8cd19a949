"""Transactions of a `MemoryDatabase`, as the contract tests write them."""

from __future__ import annotations

from datetime import datetime

from telemetra.adapters.memory import MemoryDatabase, MemoryTransaction
from telemetra.domain.changes import ChangeKind
from telemetra.domain.moments import Moment
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary


class MemoryScript:
    """A `Script`."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def begin(self) -> MemoryScriptTransaction:
        return MemoryScriptTransaction(self._database.begin())


class MemoryScriptTransaction:
    """A `Transaction`."""

    def __init__(self, transaction: MemoryTransaction) -> None:
        self._transaction = transaction

    async def put_stream(self, stream: Stream) -> None:
        self._transaction.put_stream(stream)

    async def put_window(self, window: WindowSummary) -> None:
        self._transaction.put_window(window)

    async def put_moment(self, moment: Moment) -> None:
        self._transaction.put_moment(moment)

    async def remove_stream(self, stream_id: str) -> None:
        self._transaction.remove_stream(stream_id)

    async def remove_window(self, stream_id: str, window_start: datetime, window_end: datetime) -> None:
        self._transaction.remove_window(stream_id, window_start, window_end)

    async def remove_moment(self, moment_id: str) -> None:
        self._transaction.remove_moment(moment_id)

    async def truncate(self, kind: ChangeKind) -> None:
        self._transaction.truncate(kind)

    async def commit(self) -> None:
        self._transaction.commit()

    async def rollback(self) -> None:
        self._transaction.rollback()
