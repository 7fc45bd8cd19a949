"""
The live socket for asyncio: connections one after the other, and an iterator over what they bring.

Where a follower stands and when it comes back is `live_following`'s concern.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Generic, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConcurrencyError, ConnectionClosed, WebSocketException

from telemetra.client.access import Access
from telemetra.client.errors import TelemetraError
from telemetra.client.live_dialing import dialing_options
from telemetra.client.live_endings import ConnectionBroken, why_unopened
from telemetra.client.live_following import Conversation, Following, OnLost, warn_of
from telemetra.client.live_reading import HeardMessage, LiveUpdate, read_update

T = TypeVar("T")


class AsyncLine(Generic[T]):
    """
    A follower's line to the service: one connection after the other.

    `read` says what a message is to the follower, None where it is nothing; what it raises ends the line, and the message
    does not count as handed over. It is driven by one task at a time; any other may end it.
    """

    def __init__(
        self,
        following: Following,
        access: Access,
        on_lost: OnLost,
        *,
        read: Callable[[HeardMessage], T | None],
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._following = following
        self._access = access
        self._on_lost = on_lost
        self._read = read
        self._sleep = sleep or self._doze
        self._over = asyncio.Event()
        self._connection: ClientConnection | None = None
        self._conversation = Conversation()

    @property
    def position(self) -> str | None:
        """Where a reader stands that has all that was handed over."""
        return self._following.position

    async def next(self) -> T | None:
        """
        Wait for what comes next, connecting as often as it takes; None when the line was ended.

        Raises:
            TelemetraError: trying again is no use; the text says why.

        """
        while not self._over.is_set():
            try:
                connection = self._connection or await self._connect()
                if self._over.is_set():
                    break
                message = await self._hear(connection)
                meant = self._read(message)
            except (ConnectionBroken, TelemetraError) as end:
                await self.hang_up()
                if self._over.is_set():
                    break
                if not isinstance(end, ConnectionBroken):
                    raise
                lost = self._following.lose(end)
                self._on_lost(lost)
                await self._sleep(lost.delay_seconds)
            else:
                self._following.hand_over(message)
                if meant is not None:
                    return meant
        return None

    def end(self) -> None:
        """Connect no more."""
        self._over.set()

    async def hang_up(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # The end of the conversation comes after all that the server has sent: it is taken out of the way, unless
            # another task is taking it anyway.
            try:
                await asyncio.gather(connection.close(), _drop_the_rest(connection))
            finally:
                # Cancelled a second time, it is cut off: nobody else knows of it.
                connection.transport.abort()

    async def _connect(self) -> ClientConnection:
        options = dialing_options(self._following.url, self._access)
        try:
            self._connection = await connect(self._following.url, **options)
        except (OSError, WebSocketException, ValueError, ImportError) as error:
            # The last two: a redirect to nowhere, and a kind of proxy that wants another package.
            raise why_unopened(error) from error
        self._conversation = Conversation()
        return self._connection

    async def _hear(self, connection: ClientConnection) -> HeardMessage:
        conversation = self._conversation
        try:
            async with asyncio.timeout(conversation.silence_seconds):
                return conversation.hear(await connection.recv())
        except TimeoutError:
            # A polite end would wait for the answer of a server that gives none.
            connection.transport.abort()
            raise conversation.fell_silent() from None
        except ConnectionClosed as closed:
            raise conversation.why_closed(closed) from closed

    async def _doze(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()


async def _drop_the_rest(connection: ClientConnection) -> None:
    with suppress(ConnectionClosed, ConcurrencyError):
        while True:
            await connection.recv()


async def _told(line: AsyncLine[T]) -> AsyncGenerator[T]:
    """
    Yield what comes over a line, and hang up at the end.

    One generator, and none inside it: where several are left open, asyncio closes them at the end of the program in any order.
    """
    try:
        while (meant := await line.next()) is not None:
            yield meant
    finally:
        await line.hang_up()


def follow(
    following: Following,
    access: Access,
    *,
    on_lost: OnLost,
    sleep: Callable[[float], Awaitable[None]] | None = None,
) -> AsyncGenerator[HeardMessage]:
    """
    Yield every message of a stream as it came, reconnecting for ever.

    Wrap it in `contextlib.aclosing` to close the connection at once on leaving.

    Raises:
        TelemetraError: trying again is no use; the text says why.

    """
    return _told(AsyncLine(following, access, on_lost, read=lambda message: message, sleep=sleep))


class AsyncLive(AsyncIterator[LiveUpdate]):
    """
    What happens in a stream, as it happens, through any number of connections: 0 lost, 0 doubled.

    Iterate over it: each update is a message of the live socket, told by its class, and has the `position` that a reader
    stands at who has processed it. Keep that, and a later `live(..., since=position)` goes on exactly there, in another
    process too. A `SnapshotMessage` says: begin anew with what it holds. You may take your time: the service keeps no queue,
    and you get what you lack, rewritten rows in their newest form.

    It never ends by itself. Leaving the loop closes the connection; cancelling the task that iterates does so at once, and
    so does `aclose()`, or leaving `async with`. After that it is over.

    Raises:
        StreamNotFound: there is no such stream (yet).
        TokenRefused, AccessDenied: the token is not for this, or no longer.
        RequestRefused: the service says no otherwise, and that trying again is no use.
        ServiceUnreachable: the service's certificate is not trusted. All other faults pass: it tries again.
        AnswerUnreadable: no Telemetra is at this address, or one whose messages this client can't read.

    """

    def __init__(self, following: Following, access: Access, on_lost: OnLost | None = None) -> None:
        self._line: AsyncLine[LiveUpdate] = AsyncLine(following, access, on_lost or warn_of, read=read_update)
        # It does not know this object: where that is dropped in the middle, nobody else holds the generator, and it is closed.
        self._updates = _told(self._line)
        self._is_awaited = False

    @property
    def position(self) -> str | None:
        """Where a reader stands that has processed all updates so far; None before the first snapshot."""
        return self._line.position

    def __aiter__(self) -> Self:
        """Iterate over the updates."""
        return self

    async def __anext__(self) -> LiveUpdate:
        """Return the next update, when it is there."""
        self._is_awaited = True
        try:
            return await anext(self._updates)
        finally:
            self._is_awaited = False

    async def aclose(self) -> None:
        """Close the connection; a task that waits for an update sees the end of the iteration."""
        self._line.end()
        if self._is_awaited:
            await self._line.hang_up()
        else:
            await self._updates.aclose()

    async def __aenter__(self) -> Self:
        """Follow until the block's end."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self.aclose()
