"""
The messages of the live socket, as they stand on the wire: what a server encodes and a client decodes.

Knows nothing of sockets, of the codes that end a conversation, or of which side it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from telemetra.domain.changes import Removal
from telemetra.domain.moments import Moment
from telemetra.domain.positions import MAX_TEXT_BYTES, TEXT_PATTERN
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow

PositionText: TypeAlias = Annotated[
    str,
    Meta(
        description="Where the client stands after this message: what to reconnect with, as `since`.",
        # Told to readers of the documents, and not checked: a client's position is read by whoever knows what it means.
        extra_json_schema={"format": "position", "pattern": TEXT_PATTERN, "maxLength": MAX_TEXT_BYTES},
    ),
]
"""A position, as it stands on the wire."""


class _Message(Struct, frozen=True, kw_only=True, tag_field="type"):
    stream_id: str
    """The stream that is listened to."""
    timestamp: datetime
    """When the server made the message, UTC."""


class ConnectedMessage(_Message, frozen=True, kw_only=True, tag="connected"):
    """The first message. A snapshot follows, or, where `resumed`, exactly what was missed."""

    position: PositionText
    """Where the client stands: at the `since` that it gave, or, before a snapshot, nowhere yet."""
    resumed: bool
    """Whether what follows is exactly what was missed since that position; otherwise a snapshot follows."""
    heartbeat_seconds: float
    """A message comes at least so often, in seconds: after two times that long without one, the connection is dead."""


class SnapshotMessage(_Message, frozen=True, kw_only=True, tag="snapshot"):
    """The stream as it stands: the newest windows and moments, newest first."""

    stream: Stream | None
    """Null while no writer has described the stream."""
    metrics: Sequence[MetricWindow]
    """The newest windows, 60 at most, newest first."""
    moments: Sequence[Moment]
    """The newest moments, 20 at most, newest first."""
    position: PositionText


class MetricsMessage(_Message, frozen=True, kw_only=True, tag="metrics"):
    """A window was written or rewritten."""

    data: MetricWindow
    """The window, as it now is."""
    position: PositionText


class MomentMessage(_Message, frozen=True, kw_only=True, tag="moment"):
    """A moment was detected or rewritten."""

    data: Moment
    """The moment, as it now is."""
    position: PositionText


class StreamMessage(_Message, frozen=True, kw_only=True, tag="stream"):
    """The stream's own row changed, such as its title."""

    data: Stream
    """The stream's row, as it now is."""
    position: PositionText


class RemovedMessage(_Message, frozen=True, kw_only=True, tag="removed"):
    """Rows are gone; where `all` is true, read everything again."""

    data: Removal
    """What is gone."""
    position: PositionText


class HeartbeatMessage(_Message, frozen=True, kw_only=True, tag="heartbeat"):
    """Nothing else was sent for a while; all that is committed up to `position` was."""

    position: PositionText


class PongMessage(_Message, frozen=True, kw_only=True, tag="pong"):
    """The answer to the client's ping."""


class ErrorMessage(_Message, frozen=True, kw_only=True, tag="error"):
    """Something is wrong; mostly the server closes the socket after it."""

    code: str
    """What is wrong, for programs: a name that never changes, such as `stream_not_found`."""
    detail: str
    """What is wrong, in words for people."""


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
    """Which message it is."""
