"""
The live socket for threads: connections one after the other, and an iterator over what they bring.

Where a follower stands and when it comes back is `live_following`'s concern.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from telemetra.client.access import Access
from telemetra.client.errors import TelemetraError
from telemetra.client.live_dialing import dialing_options
from telemetra.client.live_endings import ConnectionBroken, why_unopened
from telemetra.client.live_following import Conversation, Following, OnLost, warn_of
from telemetra.client.live_reading import HeardMessage, LiveUpdate, read_update


class Line:
    """
    A follower's line to the service: one connection after the other.

    What `read_update` raises ends the line, and the message does not count as handed over. It is driven by one thread at a
    time; any other may end it.
    """

    def __init__(self, following: Following, access: Access, on_lost: OnLost) -> None:
        self._following = following
        self._access = access
        self._on_lost = on_lost
        self._over = threading.Event()
        self._connection: ClientConnection | None = None
        self._conversation = Conversation()

    @property
    def position(self) -> str | None:
        """Where a reader stands that has all that was handed over."""
        return self._following.position

    def next(self) -> LiveUpdate | None:
        """
        Wait for what comes next, connecting as often as it takes; None when the line was ended.

        Raises:
            TelemetraError: trying again is no use; the text says why.

        """
        while not self._over.is_set():
            try:
                connection = self._connection or self._connect()
                if self._over.is_set():
                    break
                message = self._hear(connection)
                update = read_update(message)
            except (ConnectionBroken, TelemetraError) as end:
                self._hang_up()
                if self._over.is_set():
                    break
                if not isinstance(end, ConnectionBroken):
                    raise
                lost = self._following.lose(end)
                self._on_lost(lost)
                self._over.wait(lost.delay_seconds)
            else:
                self._following.hand_over(message)
                if update is not None:
                    return update
        # It may have been ended while it connected.
        self._hang_up()
        return None

    def end(self) -> None:
        """Close the connection, if there is one, and connect no more."""
        self._over.set()
        self._hang_up()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> ClientConnection:
        options = dialing_options(self._following.url, self._access)
        try:
            connection: ClientConnection = connect(self._following.url, **options)
        except (OSError, WebSocketException, ValueError, ImportError) as error:
            # The last two: a redirect to nowhere, and a kind of proxy that wants another package.
            raise why_unopened(error) from error
        except AssertionError as error:
            # What websockets 17 comes to where a connection is gone before the request is on it.
            raise ConnectionBroken("cut off during the handshake") from error
        # As the library wants it; the block that it means has no end here.
        self._connection = connection.__enter__()
        self._conversation = Conversation()
        return self._connection

    def _hear(self, connection: ClientConnection) -> HeardMessage:
        conversation = self._conversation
        try:
            return conversation.hear(connection.recv(timeout=conversation.silence_seconds))
        except TimeoutError:
            raise conversation.fell_silent() from None
        except ConnectionClosed as closed:
            raise conversation.why_closed(closed) from closed


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
        self._line = Line(following, access, on_lost or warn_of)
        # When it is dropped in the middle, and before the program ends: a thread that reads can't be waited for after that.
        weakref.finalize(self, self._line.end)

    @property
    def position(self) -> str | None:
        """Where a reader stands that has processed all updates so far; None before the first snapshot."""
        return self._line.position

    def __iter__(self) -> Self:
        """Iterate over the updates."""
        return self

    def __next__(self) -> LiveUpdate:
        """Wait for the next update, and return it."""
        try:
            update = self._line.next()
        except BaseException:
            # Ctrl-C, too.
            self._line.end()
            raise
        if update is None:
            raise StopIteration
        return update

    def close(self) -> None:
        """Close the connection; a thread that waits for an update sees the end of the iteration."""
        self._line.end()

    def __enter__(self) -> Self:
        """Follow until the block's end."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()
