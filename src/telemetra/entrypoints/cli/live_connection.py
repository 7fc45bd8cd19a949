"""
One connection to the live socket: its messages, and what its end means for whoever wants to go on.

Belongs to the live client, and shares its independence of the server's code.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidProxyStatus,
    InvalidStatus,
    WebSocketException,
)
from websockets.http11 import Response
from websockets.uri import parse_uri

_OPEN_SECONDS: Final = 10.0
_PING_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 1.0
"""How long a polite end may take; Ctrl-C waits for it."""
_SILENCE_SECONDS: Final = 30.0
"""How long a server may say nothing that has not told its heartbeat yet."""
_MAX_ADVICE_SECONDS: Final = 300.0

_MEANINGS: Final = {
    1001: "the server goes away",
    1007: "the server could not read what this client sent",
    1008: "this client broke the server's rules",
    1009: "what this client sent was too large",
    1011: "a fault of the server",
    1012: "the server restarts",
    1013: "the server has no room, or its database is away",
    4404: "there is no such stream",
    4408: "this client read too slowly",
}
_FINAL_CODES: Final = {1007, 1008, 1009, 4404}
"""After these trying again is no use; after any other it is, also after one that nobody has heard of."""
_PASSING_STATUSES: Final = {408, 425, 429}
_SERVER_ERRORS: Final = 500
_ADVICE: Final = re.compile(r"reconnect_after_ms=(\d{1,9})", re.ASCII)
_SECONDS: Final = re.compile(r"\d{1,9}", re.ASCII)
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}


class FollowingRefused(Exception):
    """The server says that trying again is no use; the text says why. Parts of it may be the server's."""


class ConnectionBroken(Exception):
    """The connection ended, or did not come about, and the next one may be better."""

    def __init__(self, reason: str, *, advised_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advised_seconds = advised_seconds


class MessageHead(Struct, frozen=True):
    """What of a message concerns the connection; what it carries is for whoever it is for."""

    type: str
    position: str | None = None
    resumed: bool = False
    heartbeat_seconds: Annotated[float, Meta(gt=0)] | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """A message of the server: its JSON text as it came, and what the client itself read in it."""

    text: str
    head: MessageHead


_decoder: Final = msgspec.json.Decoder(MessageHead)


async def messages_of(url: str, token: str | None = None) -> AsyncGenerator[LiveMessage]:
    """
    Connect, with a token where the service asks for one, and yield the messages until the connection ends; it does so only by raising.

    Raises:
        ConnectionBroken: it may be tried again.
        FollowingRefused: it may not.

    """
    connection = await _open(url, token)
    silence_seconds, last_words = _SILENCE_SECONDS, None
    try:
        while True:
            message = _read(await _receive(connection, silence_seconds, last_words))
            if message.head.heartbeat_seconds:
                silence_seconds = 2 * message.head.heartbeat_seconds
            if message.head.type == "error":
                last_words = message.head.detail
            yield message
    finally:
        await connection.close()


async def _open(url: str, token: str | None) -> ClientConnection:
    # What a machine says to itself is none of its proxy's business.
    proxy: Literal[True] | None = None if parse_uri(url).host in _LOOPBACK else True
    try:
        return await connect(
            url,
            compression=None,
            max_size=None,
            open_timeout=_OPEN_SECONDS,
            ping_interval=_PING_SECONDS,
            ping_timeout=_PING_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            proxy=proxy,
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
        )
    except (OSError, WebSocketException, ValueError, ImportError) as error:
        # The last two: a redirect to nowhere, and a kind of proxy that wants another package.
        raise _why_unopened(error) from error


async def _receive(
    connection: ClientConnection, silence_seconds: float, last_words: str | None
) -> str | bytes:
    try:
        async with asyncio.timeout(silence_seconds):
            return await connection.recv()
    except TimeoutError:
        # A polite end would wait for the answer of a server that gives none.
        connection.transport.abort()
        raise ConnectionBroken(f"nothing heard for {silence_seconds:g} s") from None
    except ConnectionClosed as closed:
        raise _why_closed(closed, last_words) from closed


def _read(text: str | bytes) -> LiveMessage:
    if isinstance(text, str):
        try:
            return LiveMessage(text, _decoder.decode(text))
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise FollowingRefused(f"What the server sends is no live message: {error}") from error
    raise FollowingRefused("What the server sends is no live message: it is not text.")


def _why_closed(closed: ConnectionClosed, last_words: str | None) -> ConnectionBroken | FollowingRefused:
    frame = closed.rcvd
    if frame is None:
        # The network broke, the process was killed, or it answers no ping.
        ours = f" ({closed.sent.reason})" if closed.sent and closed.sent.reason else ""
        return ConnectionBroken(f"cut off{ours}")
    advice = _ADVICE.search(frame.reason)
    text = (last_words or "").rstrip(".") or ("" if advice else frame.reason) or _MEANINGS.get(frame.code, "")
    reason = f"{frame.code}: {text}" if text else f"close code {frame.code}"
    if frame.code in _FINAL_CODES:
        return FollowingRefused(f"The server ends it ({reason}).")
    return ConnectionBroken(reason, advised_seconds=_advised(int(advice[1]) / 1000) if advice else None)


def _why_unopened(error: Exception) -> ConnectionBroken | FollowingRefused:
    match error:
        case InvalidStatus(response=response) | InvalidProxyStatus(response=response):
            return _why_answered(response)
        case ssl.SSLCertVerificationError():
            return FollowingRefused(f"The server's certificate is not trusted: {error.verify_message}.")
        case OSError():
            return ConnectionBroken(_told(error))
        case InvalidMessage(__cause__=EOFError()):
            return ConnectionBroken("cut off during the handshake")
        case _:
            return FollowingRefused(f"There is no live socket at this address: {error}.")


def _why_answered(response: Response) -> ConnectionBroken | FollowingRefused:
    status = response.status_code
    if status < _SERVER_ERRORS and status not in _PASSING_STATUSES:
        told = _told_by(response)
        said = f": {told}" if told else " and does not open the live socket."
        return FollowingRefused(f"The server answers HTTP {status}{said}")
    pause = _SECONDS.fullmatch(response.headers.get("Retry-After", ""))
    return ConnectionBroken(f"HTTP {status}", advised_seconds=_advised(int(pause[0])) if pause else None)


class _Problem(Struct):
    detail: str


def _told_by(response: Response) -> str:
    """Return what a problem (RFC 9457) says, if the answer is one."""
    try:
        return msgspec.json.decode(bytes(response.body), type=_Problem).detail
    except (msgspec.DecodeError, RecursionError):
        return ""


def _told(error: OSError) -> str:
    """Return what the system says of the connection, short where it can be."""
    if isinstance(error, TimeoutError):
        return f"no answer within {_OPEN_SECONDS:g} s"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    # Numbers of the name service are negative, and a failure of several addresses has none.
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or str(error)


def _advised(seconds: float) -> float:
    return min(seconds, _MAX_ADVICE_SECONDS)
