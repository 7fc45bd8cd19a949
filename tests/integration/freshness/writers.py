"""
Writers: one whose transactions commit at once, and one that keeps its own open meanwhile.

Each writes rows that the other has not touched, because in a real database the second would wait for the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telemetra.domain.changes import ChangeKind
from telemetra.domain.moments import Moment
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary
from tests.contract.postgres_script import PostgresScript, PostgresScriptTransaction
from tests.contract.samples import a_moment, a_stream, a_window, at
from tests.integration.freshness.history import History, Key, Row, Write

TABLES: Final = {"streams": ChangeKind.STREAM, "windows": ChangeKind.WINDOW, "moments": ChangeKind.MOMENT}


class Writers:
    """Write the rows of an example, and tell the history of what they commit."""

    def __init__(self, script: PostgresScript, streams: Sequence[str], history: History) -> None:
        self._script = script
        self._streams = streams
        self._history = history
        self._slow: PostgresScriptTransaction | None = None
        self._slowly: list[Write] = []

    def to_write(self, table: str, stream: int, number: int, value: int) -> Write:
        """Return the row of this number as it should be; with value 0 it is to be gone. A moment may change its stream."""
        stream_id = self._streams[stream]
        key: Key = ("streams", stream_id)
        row: Row | None
        if table == "streams":
            row = a_stream(stream_id, title=f"Title {value}", minute=value) if value else None
        elif table == "windows":
            key = ("windows", stream_id, str(number))
            row = a_window(number, stream_id=stream_id, chat_count=value) if value else None
        else:
            key = ("moments", f"{self._streams[0]}-{number}")
            row = a_moment(key[1], stream_id=stream_id, minute=number, metric_value=value) if value else None
        return Write(key, row)

    async def write(self, writes: Sequence[Write]) -> None:
        """Commit at once."""
        mine = [write for write in writes if write.key not in {other.key for other in self._slowly}]
        if mine:
            transaction = await self._script.begin()
            for write in mine:
                await _put(transaction, write)
            await transaction.commit()
            self._history.add(transaction.revision, mine)

    async def write_slowly(self, write: Write) -> None:
        """Write in the transaction that stays open; it has its id since its first row."""
        if self._slow is None:
            self._slow = await self._script.begin()
        await _put(self._slow, write)
        self._slowly.append(write)

    async def end(self, *, commit: bool) -> None:
        """End the open transaction, if there is one."""
        slow, slowly = self._slow, self._slowly
        self._slow, self._slowly = None, []
        if slow and commit:
            await slow.commit()
            self._history.add(slow.revision, slowly)
        elif slow:
            await slow.rollback()

    async def truncate(self, table: str) -> None:
        """Empty a table, when no other transaction is open."""
        if self._slow is None:
            transaction = await self._script.begin()
            await transaction.truncate(TABLES[table])
            await transaction.commit()
            gone = [Write(key, None) for key in self._history.now if key[0] == table]
            self._history.add(transaction.revision, gone)


async def empty(script: PostgresScript) -> int:
    """Empty all tables; return by which transaction."""
    transaction = await script.begin()
    for kind in TABLES.values():
        await transaction.truncate(kind)
    await transaction.commit()
    return transaction.revision


async def _put(transaction: PostgresScriptTransaction, write: Write) -> None:
    match write.row:
        case Stream() as stream:
            await transaction.put_stream(stream)
        case WindowSummary() as window:
            await transaction.put_window(window)
        case Moment() as moment:
            await transaction.put_moment(moment)
        case None:
            await _remove(transaction, write.key)


async def _remove(transaction: PostgresScriptTransaction, key: Key) -> None:
    match key:
        case ("streams", stream_id):
            await transaction.remove_stream(stream_id)
        case ("windows", stream_id, number):
            await transaction.remove_window(stream_id, at(int(number)), at(int(number) + 1))
        case (_, moment_id, *_):
            await transaction.remove_moment(moment_id)
