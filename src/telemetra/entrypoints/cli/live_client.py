"""
A client of the live socket: follows one stream through any number of connections, and misses nothing between them.

Knows what the README says of addresses, messages and positions, and nothing of the server that sends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from random import Random
from typing import Final
from urllib.parse import quote, urlsplit

from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from telemetra.entrypoints.cli.live_connection import (
    ConnectionBroken,
    FollowingRefused,
    LiveMessage,
    messages_of,
)

__all__ = ["ConnectionLost", "FollowingRefused", "LiveMessage", "UrlInvalid", "follow"]

_FIRST_DELAY_SECONDS: Final = 0.25
_MAX_DELAY_SECONDS: Final = 30.0
_MAX_DOUBLINGS: Final = 16
_WEBSOCKET_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class UrlInvalid(Exception):
    """The server's address can't be used; the text says what is expected, without repeating it (it may hold a password)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLost:
    """A connection that ended, or did not come about, and when the next one is tried."""

    reason: str
    """Text for people. Parts of it may be the server's: mind control characters."""
    delay_seconds: float
    position: str | None
    """Where the next connection resumes."""


async def follow(
    base_url: str,
    stream_id: str,
    *,
    since: str | None = None,
    token: str | None = None,
    on_lost: Callable[[ConnectionLost], None] = lambda _lost: None,
    random: Random | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[LiveMessage]:
    """
    Yield every message of a stream, reconnecting for ever, each time from the last message that was yielded.

    What comes between two connections is neither lost nor doubled, unless a `connected` with `resumed: false` says that
    it can't be told; a snapshot follows then. Wrap it in `contextlib.aclosing` to close the connection at once on leaving.

    Args:
        base_url: The server's address, `http(s)://` or `ws(s)://`; a path is kept as a prefix.
        stream_id: Any text; it goes into the path as one segment.
        since: A position to begin at: of a message processed earlier, or a `Telemetra-Position` header's.
        token: What the service asks for, if it does.
        on_lost: Is told of each connection that ends or does not come about, before the wait for the next one.
        random: Draws the waits.
        sleep: Waits so many seconds.

    Raises:
        UrlInvalid: `base_url` is not an address.
        FollowingRefused: the server says that trying again is no use.

    """
    url = live_url(base_url, stream_id)
    position = since
    backoff = Backoff(random or Random())  # noqa: S311  (spreads reconnects, guards nothing)
    while True:
        try:
            async with aclosing(messages_of(_resuming(url, position), token)) as messages:
                async for message in messages:
                    position = _position_after(message, position)
                    if message.head.type not in {"connected", "error"}:
                        # Not before: a server that greets and then fails would be asked again at once, for ever.
                        backoff.reset()
                    yield message
        except ConnectionBroken as broken:
            delay = backoff.next_delay(advised=broken.advised_seconds)
            on_lost(ConnectionLost(reason=broken.reason, delay_seconds=delay, position=position))
            await sleep(delay)


class Backoff:
    """
    How long to wait between attempts: exponential backoff with full jitter.

    A server that restarts meets its clients spread over the whole interval, not all at its end (M. Brooker, 'Exponential
    Backoff And Jitter', AWS Architecture Blog, 2015).
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._attempts = 0

    def next_delay(self, *, advised: float | None = None) -> float:
        """Return the seconds to wait; the server's advice goes first, and never shortens what failures have added up to."""
        longest = min(_MAX_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** min(self._attempts, _MAX_DOUBLINGS))
        jitter = self._random.uniform(0, longest)
        if advised is not None:
            jitter = max(advised, jitter) if self._attempts else advised
        self._attempts += 1
        return jitter

    def reset(self) -> None:
        """Begin again: all is well."""
        self._attempts = 0


def live_url(base_url: str, stream_id: str) -> str:
    """
    Return the address of a stream's live socket.

    Raises:
        UrlInvalid: `base_url` is not an address.

    """
    expected = "Expected an address such as http://127.0.0.1:8000 or wss://example.org/prefix"
    try:
        parts = urlsplit(base_url)
        scheme = _WEBSOCKET_SCHEMES.get(parts.scheme)
        if scheme is None or parts.port == 0:
            raise UrlInvalid(f"{expected}.")
        if parts.query or parts.fragment or not base_url.isprintable() or " " in base_url:
            raise UrlInvalid(f"{expected}, without a query, a fragment or spaces.")
        url = f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/ws/live/{quote(stream_id, safe='')}"
        parse_uri(url)
    except InvalidURI as error:
        raise UrlInvalid(f"{expected}: {error.msg}.") from error
    except ValueError as error:
        raise UrlInvalid(f"{expected}: {error}.") from error
    return url


def _resuming(url: str, position: str | None) -> str:
    return url if position is None else f"{url}?since={quote(position, safe='')}"


def _position_after(message: LiveMessage, position: str | None) -> str | None:
    """
    Return where a reader stands that has this message.

    A `connected` that does not resume is no place to stand: what the reader holds is of its old position until the
    snapshot comes.
    """
    if message.head.type == "connected" and not message.head.resumed:
        return position
    return message.head.position or position
