"""
What is said on the live socket: the messages, as they stand on the wire, and the codes that end a conversation.

Knows nothing of sockets, streams or who listens.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from telemetra.domain.changes import Removal
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
from telemetra.domain.moments import Moment
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow


class _Message(Struct, frozen=True, kw_only=True, tag_field="type"):
    stream_id: str
    timestamp: datetime
    """When the server made the message, UTC."""


class ConnectedMessage(_Message, frozen=True, kw_only=True, tag="connected"):
    """The first message. A snapshot follows, or, where `resumed`, exactly what was missed."""

    position: str
    """Where the client stands: at the `since` that it gave, or, before a snapshot, nowhere yet."""
    resumed: bool
    heartbeat_seconds: float
    """After so long without any message from the server the client may take it for gone."""


class SnapshotMessage(_Message, frozen=True, kw_only=True, tag="snapshot"):
    """The stream as it stands: the newest windows and moments, newest first."""

    stream: Stream | None
    """Null while no writer has described the stream."""
    metrics: Sequence[MetricWindow]
    moments: Sequence[Moment]
    position: str


class MetricsMessage(_Message, frozen=True, kw_only=True, tag="metrics"):
    """A window was written or rewritten."""

    data: MetricWindow
    position: str


class MomentMessage(_Message, frozen=True, kw_only=True, tag="moment"):
    """A moment was detected or rewritten."""

    data: Moment
    position: str


class StreamMessage(_Message, frozen=True, kw_only=True, tag="stream"):
    """The stream's own row changed, such as its title."""

    data: Stream
    position: str


class RemovedMessage(_Message, frozen=True, kw_only=True, tag="removed"):
    """Rows are gone; where `all` is true, read everything again."""

    data: Removal
    position: str


class HeartbeatMessage(_Message, frozen=True, kw_only=True, tag="heartbeat"):
    """Nothing else was sent for a while; all that is committed up to `position` was."""

    position: str


class PongMessage(_Message, frozen=True, kw_only=True, tag="pong"):
    """The answer to the client's ping."""


class ErrorMessage(_Message, frozen=True, kw_only=True, tag="error"):
    """Something is wrong; mostly the server closes the socket after it."""

    code: str
    detail: str


LiveMessage: TypeAlias = (
    ConnectedMessage
    | SnapshotMessage
    | MetricsMessage
    | MomentMessage
    | StreamMessage
    | RemovedMessage
    | HeartbeatMessage
    | PongMessage
    | ErrorMessage
)
"""Whatever the server sends."""


class PingMessage(Struct, frozen=True):
    """What a client may send: a browser has no other way to learn that the server is there."""

    # A field and not a tag: a tag may be left out where only one type is possible.
    type: Literal["ping"]


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
