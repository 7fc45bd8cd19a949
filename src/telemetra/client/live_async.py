"""
The live socket for asyncio: connections one after the other, and an iterator over what they bring.

Where a follower stands and when it comes back is `live_following`'s concern.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from telemetra.client.access import Access
from telemetra.client.live_dialing import dialing_options
from telemetra.client.live_endings import ConnectionBroken, why_unopened
from telemetra.client.live_following import ConnectionLost, Conversation, Following, OnLost, warn_of
from telemetra.client.live_reading import HeardMessage, LiveUpdate, read_update


async def follow(
    following: Following,
    access: Access,
    *,
    on_lost: OnLost,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    on_open: Callable[[ClientConnection], None] = lambda _connection: None,
) -> AsyncGenerator[HeardMessage]:
    """
    Yield every message of a stream as it came, reconnecting for ever.

    Wrap it in `contextlib.aclosing` to close the connection at once on leaving.

    Raises:
        TelemetraError: trying again is no use; the text says why.

    """
    while True:
        try:
            async with aclosing(_messages_of(following.url, access, on_open)) as messages:
                async for message in messages:
                    following.hand_over(message)
                    yield message
        except ConnectionBroken as broken:
            lost = following.lose(broken)
            on_lost(lost)
            await sleep(lost.delay_seconds)


async def _messages_of(
    url: str, access: Access, on_open: Callable[[ClientConnection], None]
) -> AsyncGenerator[HeardMessage]:
    """Connect, and yield the messages until the connection ends; it does so only by raising."""
    connection = await _open(url, access)
    conversation = Conversation()
    try:
        on_open(connection)
        while True:
            yield conversation.hear(await _receive(connection, conversation))
    finally:
        await connection.close()


async def _open(url: str, access: Access) -> ClientConnection:
    options = dialing_options(url, access)
    try:
        return await connect(url, **options)
    except (OSError, WebSocketException, ValueError, ImportError) as error:
        # The last two: a redirect to nowhere, and a kind of proxy that wants another package.
        raise why_unopened(error) from error


async def _receive(connection: ClientConnection, conversation: Conversation) -> str | bytes:
    try:
        async with asyncio.timeout(conversation.silence_seconds):
            return await connection.recv()
    except TimeoutError:
        # A polite end would wait for the answer of a server that gives none.
        connection.transport.abort()
        raise conversation.fell_silent() from None
    except ConnectionClosed as closed:
        raise conversation.why_closed(closed) from closed


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
        self._run = _Run(since=following.position)
        # It must not know this object: one that is dropped in the middle is closed because nobody else holds it.
        self._updates = _updates_of(following, access, on_lost or warn_of, self._run)

    @property
    def position(self) -> str | None:
        """Where a reader stands that has processed all updates so far; None before the first snapshot."""
        return self._run.position

    def __aiter__(self) -> Self:
        """Iterate over the updates."""
        return self

    async def __anext__(self) -> LiveUpdate:
        """Return the next update, when it is there."""
        return await anext(self._updates)

    async def aclose(self) -> None:
        """Close the connection; a task that waits for an update sees the end of the iteration."""
        self._run.end()
        if self._updates.ag_running:
            await self._run.close_connection()
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


class _Ended(Exception):
    """The wait for the next try is over, because there is none."""


class _Run:
    """How far a follower has come, the wish to end it, and what has to hear of that."""

    def __init__(self, *, since: str | None) -> None:
        self.position = since
        self._over = asyncio.Event()
        self._connection: ClientConnection | None = None

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        self._over.set()

    def opened(self, connection: ClientConnection) -> None:
        self._connection = connection
        if self.is_over:
            raise _Ended

    async def close_connection(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        if self.is_over:
            raise _Ended


async def _updates_of(
    following: Following, access: Access, on_lost: OnLost, run: _Run
) -> AsyncGenerator[LiveUpdate]:
    def lost(what: ConnectionLost) -> None:
        if not run.is_over:
            on_lost(what)

    following_on = follow(following, access, on_lost=lost, sleep=run.sleep, on_open=run.opened)
    with suppress(_Ended):
        async with aclosing(following_on) as messages:
            async for message in messages:
                update = read_update(message)
                run.position = following.position
                if update is not None:
                    yield update
