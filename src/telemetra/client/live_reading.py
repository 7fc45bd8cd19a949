"""
Reading: what a text frame of the live socket says, to the client itself and to whoever follows.

Knows nothing of connections. A message of a type that is not known is a newer server's: its position counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias, get_args

import msgspec
from msgspec import Meta, Struct

from telemetra.client.errors import AnswerUnreadable, Problem
from telemetra.live_messages import (
    ConnectedMessage,
    HeartbeatMessage,
    MetricsMessage,
    MomentMessage,
    RemovedMessage,
    SnapshotMessage,
    StreamMessage,
)

LiveUpdate: TypeAlias = (
    ConnectedMessage
    | SnapshotMessage
    | MetricsMessage
    | MomentMessage
    | StreamMessage
    | RemovedMessage
    | HeartbeatMessage
)
"""What a follower is told; each has a `position`."""


class MessageHead(Struct, frozen=True):
    """What of a message concerns the connection; what it carries is for whoever it is for."""

    type: str
    position: str | None = None
    resumed: bool = False
    heartbeat_seconds: Annotated[float, Meta(gt=0)] | None = None
    code: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class HeardMessage:
    """A message of the server: its JSON text as it came, and what the client itself read in it."""

    text: str
    head: MessageHead

    @property
    def last_words(self) -> Problem | None:
        """What it says of the end that may follow, if it is an `error`."""
        if self.head.type != "error":
            return None
        return Problem(code=self.head.code, detail=self.head.detail or "")


_KNOWN_TYPES: Final = frozenset(kind.__struct_config__.tag for kind in get_args(LiveUpdate))
_head_decoder: Final = msgspec.json.Decoder(MessageHead)
_update_decoder: Final[msgspec.json.Decoder[LiveUpdate]] = msgspec.json.Decoder(LiveUpdate)


def read_message(text: str | bytes) -> HeardMessage:
    """
    Read a frame's payload as far as it concerns the connection.

    Raises:
        AnswerUnreadable: it is no live message.

    """
    if isinstance(text, str):
        try:
            return HeardMessage(text, _head_decoder.decode(text))
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise AnswerUnreadable(f"What the server sends is no live message: {error}") from error
    raise AnswerUnreadable("What the server sends is no live message: it is not text.")


def read_update(message: HeardMessage) -> LiveUpdate | None:
    """
    Return what a message tells a follower; None for what concerns the connection alone, and for types that are not known.

    Raises:
        AnswerUnreadable: the message is of a type that is known, and not as it must be.

    """
    if message.head.type not in _KNOWN_TYPES:
        return None
    try:
        return _update_decoder.decode(message.text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise AnswerUnreadable(
            f"The server sends a message {message.head.type!r} that this client can't read: {error}. "
            "If the server is newer, update the client."
        ) from error
