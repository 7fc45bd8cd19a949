"""A pooler of PostgreSQL sessions, as PgBouncer is one: in transaction mode a session is anybody's after each transaction."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_MADE_UP_PID = 4242


class _Session:
    """A connection to the server, past its greeting."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer


class Pooler:
    """Lets each client in by the server itself, and keeps the session that this made for all of them."""

    def __init__(self, host: str, port: int, *, keeps_sessions: bool, in_turn: bool) -> None:
        self._server = (host, port)
        self._keeps_sessions = keeps_sessions
        self._in_turn = in_turn
        self._writers: list[asyncio.StreamWriter] = []
        self._free: deque[_Session] = deque()
        self._returned = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            session = await self._greet(reader, writer)
            if not self._keeps_sessions:
                await self._give_back(session)
            asking = asyncio.create_task(_message(reader))
            try:
                while True:
                    await asyncio.wait({asking})
                    used = session if self._keeps_sessions else await self._take()
                    asking = await self._transaction(asking, used, reader, writer)
                    if not self._keeps_sessions:
                        await self._give_back(used)
            finally:
                asking.cancel()
                await asyncio.wait({asking})

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Session:
        session = _Session(*await asyncio.open_connection(*self._server))
        self._writers.append(session.writer)
        first = await _startup(reader)
        if first == _SSL_REQUEST:
            writer.write(b"N")
            first = await _startup(reader)
        session.writer.write(first)
        answering = asyncio.create_task(self._pass_passwords(reader, session))
        try:
            while True:
                message = await _message(session.reader)
                if message[:1] == b"K":
                    message = b"K" + struct.pack("!III", 12, _MADE_UP_PID, 0)
                writer.write(message)
                if message[:1] == b"Z":
                    return session
        finally:
            answering.cancel()
            await asyncio.wait({answering})

    async def _pass_passwords(self, reader: asyncio.StreamReader, session: _Session) -> None:
        while True:
            # A client says nothing after its password until it is greeted.
            session.writer.write(await _message(reader))

    async def _transaction(
        self,
        asking: asyncio.Task[bytes],
        session: _Session,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> asyncio.Task[bytes]:
        """Pass on what the client asks, until the session is idle again; return what it asks next."""
        answering = asyncio.create_task(_answer_until_idle(session, writer))
        try:
            while not answering.done():
                session.writer.write(asking.result())
                asking = asyncio.create_task(_message(reader))
                await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            return asking
        finally:
            answering.cancel()
            await asyncio.wait({answering})

    async def _take(self) -> _Session:
        async with self._returned:
            await self._returned.wait_for(lambda: bool(self._free))
            return self._free.popleft() if self._in_turn else self._free.pop()

    async def _give_back(self, session: _Session) -> None:
        async with self._returned:
            self._free.append(session)
            self._returned.notify()

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


async def _startup(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(int.from_bytes(head, "big") - 4)


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


async def _answer_until_idle(session: _Session, writer: asyncio.StreamWriter) -> None:
    message = b""
    while message[:1] + message[-1:] != b"ZI":
        message = await _message(session.reader)
        writer.write(message)


@asynccontextmanager
async def pooling(
    host: str, port: int, *, keeps_sessions: bool = False, in_turn: bool = False
) -> AsyncIterator[int]:
    """Run one, and yield its port; it hands out the session that came back last, or each `in_turn`."""
    pooler = Pooler(host, port, keeps_sessions=keeps_sessions, in_turn=in_turn)
    serving: set[asyncio.Task[None]] = set()

    def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.ensure_future(pooler.serve(reader, writer)))

    server = await asyncio.start_server(call, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in serving:
            task.cancel()
        if serving:
            await asyncio.wait(serving, timeout=10)
        pooler.close()
        # The loop closes what was aborted in its next turn.
        await asyncio.sleep(0)
