"""
The messages of the live socket, as they stand on the wire: what a server encodes and a client decodes.

Knows nothing of sockets, of the codes that end a conversation, or of which side it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from telemetra.domain.changes import Removal
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
