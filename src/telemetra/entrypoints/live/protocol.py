"""
How the live socket talks: messages encoded and decoded, and the codes that end a conversation.

Knows nothing of sockets, streams or who listens.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from telemetra.domain.errors import (
    AccessDenied,
    BusUnavailable,
    CredentialInvalid,
    CredentialMissing,
    DatabaseUnavailable,
    HostNotAllowed,
    MigrationFailed,
    ParameterInvalid,
    PositionInvalid,
    RedisUnavailable,
    SchemaOutdated,
    StreamNotFound,
    TelemetraError,
    TooManyConnections,
    TooManyRequests,
)
from telemetra.live_messages import (
    LiveMessage,
    PingMessage,
)


class ClientMessageInvalid(Exception):
    """A client's message is not one that the server understands; the text says why, without repeating it."""


class CloseCode(IntEnum):
    """Why a socket was closed; the README has what a client does about each."""

    GOING_AWAY = 1001
    NO_STATUS = 1005
    """Never sent: a close without a code."""
    ABNORMAL = 1006
    """Never sent: the connection is gone without a close."""
    BAD_TEXT = 1007
    POLICY = 1008
    TOO_LARGE = 1009
    INTERNAL = 1011
    RESTART = 1012
    TRY_AGAIN = 1013
    STREAM_NOT_FOUND = 4404
    TOO_SLOW = 4408


CLOSE_CODES: Final[dict[type[TelemetraError], CloseCode]] = {
    TelemetraError: CloseCode.INTERNAL,
    StreamNotFound: CloseCode.STREAM_NOT_FOUND,
    ParameterInvalid: CloseCode.POLICY,
    HostNotAllowed: CloseCode.POLICY,
    CredentialMissing: CloseCode.POLICY,
    CredentialInvalid: CloseCode.POLICY,
    AccessDenied: CloseCode.POLICY,
    TooManyRequests: CloseCode.TRY_AGAIN,
    TooManyConnections: CloseCode.TRY_AGAIN,
    DatabaseUnavailable: CloseCode.TRY_AGAIN,
    RedisUnavailable: CloseCode.TRY_AGAIN,
    BusUnavailable: CloseCode.TRY_AGAIN,
    SchemaOutdated: CloseCode.INTERNAL,
    MigrationFailed: CloseCode.INTERNAL,
    # Comes up only when the database's history ends under a listener: it reconnects, and gets a snapshot.
    PositionInvalid: CloseCode.RESTART,
}

_encoder: Final = msgspec.json.Encoder()
_ping_decoder: Final = msgspec.json.Decoder(PingMessage)


def close_code(error: TelemetraError) -> CloseCode:
    """Return the code for a domain error: its own, or that of the nearest kind of error that has one."""
    return CLOSE_CODES[next(kind for kind in type(error).__mro__ if kind in CLOSE_CODES)]


def encode(message: LiveMessage) -> bytes:
    """Return the text frame's payload: JSON, in UTF-8."""
    return _encoder.encode(message)


def decode_client(text: str | None) -> PingMessage:
    """
    Read a client's message; None stands for a binary frame.

    Raises:
        ClientMessageInvalid: it is none.

    """
    if text is None:
        raise ClientMessageInvalid("Messages are text frames.")
    try:
        return _ping_decoder.decode(text)
    except msgspec.ValidationError as error:
        raise ClientMessageInvalid('The only message understood is {"type":"ping"}.') from error
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise ClientMessageInvalid("The message is not JSON.") from error
