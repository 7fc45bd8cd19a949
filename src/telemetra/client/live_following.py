"""
Following: where one follower of a stream stands, over any number of connections, and when it connects again.

Knows what the README says of messages and positions, and nothing of how a connection is driven.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed

from telemetra.client.addresses import Address
from telemetra.client.backoff import Backoff
from telemetra.client.errors import Problem, RequestRefused
from telemetra.client.live_endings import ConnectionBroken, why_closed
from telemetra.client.live_reading import HeardMessage, read_message

_SILENCE_SECONDS: Final = 30.0
"""How long a server may say nothing that has not told its heartbeat yet."""

_log: Final = logging.getLogger("telemetra.client")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLost:
    """A connection that ended, or did not come about, and when the next one is tried."""

    reason: str
    """Text for people. Parts of it may be the server's: mind control characters."""
    delay_seconds: float
    position: str | None
    """Where the next connection resumes."""


OnLost: TypeAlias = Callable[[ConnectionLost], None]
"""Is told of each connection that ends or does not come about, before the wait for the next one."""


def warn_of(lost: ConnectionLost) -> None:
    """Leave a warning with the logger `telemetra.client`."""
    _log.warning("live connection lost (%s), next try in %.2f s", lost.reason, lost.delay_seconds)


class Following:
    """
    One follower of a stream: it resumes from the last message that it was handed, each time, for ever.

    What comes between two connections is neither lost nor doubled, unless a `connected` with `resumed: false` says that
    it can't be told; a snapshot follows then.
    """

    def __init__(
        self, address: Address, stream_id: str, *, since: str | None = None, random: Random | None = None
    ) -> None:
        """
        Begin at a position: of a message processed earlier, or a `Telemetra-Position` header's.

        Raises:
            ValueError: no address can name such a stream.

        """
        self.position = since
        """Where a reader stands that has all messages handed over so far."""
        self._url = address.live_url(stream_id)
        self._backoff = Backoff(random)

    @property
    def url(self) -> str:
        """Where to connect now."""
        return self._url if self.position is None else f"{self._url}?since={quote(self.position, safe='')}"

    def hand_over(self, message: HeardMessage) -> None:
        """Take note of a message that the follower gets now."""
        # A `connected` that does not resume is no place to stand: what the reader holds is of its old position until the
        # snapshot comes.
        if message.head.type != "connected" or message.head.resumed:
            self.position = message.head.position or self.position
        if message.head.type not in {"connected", "error"}:
            # Not before: a server that greets and then fails would be asked again at once, for ever.
            self._backoff.reset()

    def lose(self, broken: ConnectionBroken) -> ConnectionLost:
        """Take note of an end, and return when to connect again."""
        delay = self._backoff.next_delay(advised=broken.advised_seconds)
        return ConnectionLost(reason=broken.reason, delay_seconds=delay, position=self.position)


class Conversation:
    """What was said on one connection, as far as it concerns its end."""

    def __init__(self) -> None:
        self.silence_seconds = _SILENCE_SECONDS
        """After so long without a word the server is taken for gone."""
        self._last_words: Problem | None = None

    def hear(self, text: str | bytes) -> HeardMessage:
        """
        Read what came.

        Raises:
            AnswerUnreadable: it is no live message.

        """
        message = read_message(text)
        if message.head.heartbeat_seconds:
            self.silence_seconds = 2 * message.head.heartbeat_seconds
        self._last_words = message.last_words or self._last_words
        return message

    def fell_silent(self) -> ConnectionBroken:
        """Return what it means that nothing came for `silence_seconds`."""
        return ConnectionBroken(f"nothing heard for {self.silence_seconds:g} s")

    def why_closed(self, closed: ConnectionClosed) -> ConnectionBroken | RequestRefused:
        """Return what the end means."""
        return why_closed(closed, self._last_words)
