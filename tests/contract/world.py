"""What a contract test is given: the ports, a writer, and a stranger's hand on the tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from telemetra.domain.changes import ChangeKind
from telemetra.domain.moments import Moment
from telemetra.domain.ports import Ports, StreamWriter
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary

BOUND_SECONDS: Final = 10.0
"""No wait in these tests is longer; a right answer comes in milliseconds."""


class Transaction(Protocol):
    """
    One transaction of a writer that knows nothing of Telemetra.

    It has its id from the beginning, so that transactions can commit out of order. Two that are open at once must not
    touch the same row: a real database would let the second wait for the first.
    """

    async def put_stream(self, stream: Stream) -> None: ...
    async def put_window(self, window: WindowSummary) -> None: ...
    async def put_moment(self, moment: Moment) -> None: ...
    async def remove_stream(self, stream_id: str) -> None: ...
    async def remove_window(self, stream_id: str, window_start: datetime, window_end: datetime) -> None: ...
    async def remove_moment(self, moment_id: str) -> None: ...
    async def truncate(self, kind: ChangeKind) -> None:
        """Empty a table; no other transaction may be open, it would be waited for."""
        ...

    async def commit(self) -> None: ...
    async def rollback(self) -> None: ...


class Script(Protocol):
    """Begins transactions."""

    async def begin(self) -> Transaction: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """An empty database behind its ports."""

    ports: Ports
    writer: StreamWriter
    script: Script
    interrupt: Callable[[], Awaitable[None]]
    """Take the database away from everybody who uses it, and give it back at once."""
    forget_removals: Callable[[], Awaitable[None]]
    """Forget what was removed, as the database does with what is a week old."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit at the end of the block, or roll back when it fails; every wait in it is bounded."""
        async with asyncio.timeout(BOUND_SECONDS):
            transaction = await self.script.begin()
            try:
                yield transaction
            except BaseException:
                await transaction.rollback()
                raise
            await transaction.commit()
