"""
The live socket for threads: connections one after the other, and an iterator over what they bring.

Where a follower stands and when it comes back is `live_following`'s concern.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from telemetra.client.access import Access
from telemetra.client.live_dialing import dialing_options
from telemetra.client.live_endings import ConnectionBroken, why_unopened
from telemetra.client.live_following import Conversation, Following, OnLost, warn_of
from telemetra.client.live_reading import HeardMessage, LiveUpdate, read_update


class Live(Iterator[LiveUpdate]):
    """
    What happens in a stream, as it happens, through any number of connections: 0 lost, 0 doubled.

    Iterate over it: each update is a message of the live socket, told by its class, and has the `position` that a reader
    stands at who has processed it. Keep that, and a later `live(..., since=position)` goes on exactly there, in another
    process too. A `SnapshotMessage` says: begin anew with what it holds. You may take your time: the service keeps no queue,
    and you get what you lack, rewritten rows in their newest form.

    It never ends by itself, and waits for as long as nothing happens. Leaving the loop closes the connection, and so does
    `close()`, from another thread too, or leaving `with`. After that it is over.

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

    def __iter__(self) -> Self:
        """Iterate over the updates."""
        return self

    def __next__(self) -> LiveUpdate:
        """Wait for the next update, and return it."""
        return next(self._updates)

    def close(self) -> None:
        """Close the connection; a thread that waits for an update sees the end of the iteration."""
        self._run.end()
        try:
            self._updates.close()
        except ValueError:
            # Another thread is in it, and leaves now by itself.
            self._run.close_connection()

    def __enter__(self) -> Self:
        """Follow until the block's end."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()


class _Run:
    """How far a follower has come, the wish to end it, and what has to hear of that."""

    def __init__(self, *, since: str | None) -> None:
        self.position = since
        self._over = threading.Event()
        self._connection: ClientConnection | None = None

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        self._over.set()

    def opened(self, connection: ClientConnection) -> None:
        self._connection = connection

    def close_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def sleep(self, seconds: float) -> None:
        self._over.wait(seconds)


def _updates_of(
    following: Following, access: Access, on_lost: OnLost, run: _Run
) -> Generator[LiveUpdate, None, None]:
    while not run.is_over:
        try:
            with closing(_messages_of(following.url, access, run)) as messages:
                for message in messages:
                    following.hand_over(message)
                    update = read_update(message)
                    run.position = following.position
                    if update is not None:
                        yield update
        except ConnectionBroken as broken:
            if run.is_over:
                return
            lost = following.lose(broken)
            on_lost(lost)
            run.sleep(lost.delay_seconds)


def _messages_of(url: str, access: Access, run: _Run) -> Generator[HeardMessage, None, None]:
    """Connect, and yield the messages until the connection ends, by raising, or the end is wished."""
    # The block is left at once in any case; what it does at its end has been done then.
    with _open(url, access) as connection:
        run.opened(connection)
        conversation = Conversation()
        try:
            while not run.is_over:
                yield conversation.hear(_receive(connection, conversation))
        finally:
            connection.close()


def _open(url: str, access: Access) -> ClientConnection:
    options = dialing_options(url, access)
    try:
        return connect(url, **options)
    except (OSError, WebSocketException, ValueError, ImportError) as error:
        # The last two: a redirect to nowhere, and a kind of proxy that wants another package.
        raise why_unopened(error) from error


def _receive(connection: ClientConnection, conversation: Conversation) -> str | bytes:
    try:
        return connection.recv(timeout=conversation.silence_seconds)
    except TimeoutError:
        raise conversation.fell_silent() from None
    except ConnectionClosed as closed:
        raise conversation.why_closed(closed) from closed
