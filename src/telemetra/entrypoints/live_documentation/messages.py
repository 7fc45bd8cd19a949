"""The messages of the live socket, with examples of each: one evening's stream, as a listener would be told of it."""

from __future__ import annotations

from typing import Final

from telemetra.domain.changes import Removal, RemovedWindow
from telemetra.domain.errors import StreamNotFound
from telemetra.domain.positions import NOTHING_SEEN
from telemetra.entrypoints.http.examples import MOMENT, POSITION_TEXT, STREAM, STREAM_ID, WINDOW
from telemetra.entrypoints.http.sockets import SocketMessage
from telemetra.live_messages import (
    ConnectedMessage,
    ErrorMessage,
    HeartbeatMessage,
    MetricsMessage,
    MomentMessage,
    PingMessage,
    PongMessage,
    RemovedMessage,
    SnapshotMessage,
    StreamMessage,
)

_NOW: Final = WINDOW.window_end
_NOT_FOUND: Final = StreamNotFound(STREAM_ID)


def _removed(data: Removal) -> RemovedMessage:
    return RemovedMessage(stream_id=STREAM_ID, timestamp=_NOW, data=data, position=POSITION_TEXT)


TOLD: Final = (
    SocketMessage(
        name="connected",
        title="The beginning",
        examples={
            "The client gave a `since` that could be resumed": ConnectedMessage(
                stream_id=STREAM_ID,
                timestamp=_NOW,
                position=POSITION_TEXT,
                resumed=True,
                heartbeat_seconds=15.0,
            ),
            "A snapshot follows": ConnectedMessage(
                stream_id=STREAM_ID,
                timestamp=_NOW,
                position=str(NOTHING_SEEN),
                resumed=False,
                heartbeat_seconds=15.0,
            ),
        },
    ),
    SocketMessage(
        name="snapshot",
        title="The stream as it stands",
        examples={
            "A stream of one window so far": SnapshotMessage(
                stream_id=STREAM_ID,
                timestamp=_NOW,
                stream=STREAM,
                metrics=[WINDOW],
                moments=[MOMENT],
                position=POSITION_TEXT,
            )
        },
    ),
    SocketMessage(
        name="metrics",
        title="A window",
        examples={
            "A window is over": MetricsMessage(
                stream_id=STREAM_ID, timestamp=_NOW, data=WINDOW, position=POSITION_TEXT
            )
        },
    ),
    SocketMessage(
        name="moment",
        title="A moment",
        examples={
            "Chat jumped": MomentMessage(
                stream_id=STREAM_ID, timestamp=_NOW, data=MOMENT, position=POSITION_TEXT
            )
        },
    ),
    SocketMessage(
        name="stream",
        title="The stream's own row",
        examples={
            "The title is another one": StreamMessage(
                stream_id=STREAM_ID, timestamp=_NOW, data=STREAM, position=POSITION_TEXT
            )
        },
    ),
    SocketMessage(
        name="removed",
        title="Rows that are gone",
        examples={
            "A window": _removed(
                Removal(window=RemovedWindow(window_start=WINDOW.window_start, window_end=WINDOW.window_end))
            ),
            "A moment": _removed(Removal(moment_id=MOMENT.moment_id)),
            "The stream's own row": _removed(Removal(stream=True)),
            "A whole table": _removed(Removal(all=True)),
        },
    ),
    SocketMessage(
        name="heartbeat",
        title="Heartbeat",
        examples={
            "Nothing happens": HeartbeatMessage(stream_id=STREAM_ID, timestamp=_NOW, position=POSITION_TEXT)
        },
    ),
    SocketMessage(
        name="pong",
        title="Pong",
        examples={"The server is there": PongMessage(stream_id=STREAM_ID, timestamp=_NOW)},
    ),
    SocketMessage(
        name="error",
        title="Error",
        examples={
            "There is no such stream; 4404 follows": ErrorMessage(
                stream_id=STREAM_ID, timestamp=_NOW, code=_NOT_FOUND.code, detail=str(_NOT_FOUND)
            )
        },
    ),
)
HEARD: Final = (
    SocketMessage(name="ping", title="Ping", examples={"Is the server there?": PingMessage(type="ping")}),
)
