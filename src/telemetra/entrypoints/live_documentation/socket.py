"""The live socket itself: how to reach it, what goes over it, and what its clients have to know."""

from __future__ import annotations

from typing import Final

from telemetra.domain.positions import MAX_TEXT_BYTES, TEXT_PATTERN
from telemetra.entrypoints.http.examples import POSITION_TEXT, STREAM_ID
from telemetra.entrypoints.http.operations import STREAM_ID_PARAMETER
from telemetra.entrypoints.http.schemas import SchemaUnion
from telemetra.entrypoints.http.sockets import SocketDocumentation
from telemetra.entrypoints.live_documentation.closings import CLOSINGS
from telemetra.entrypoints.live_documentation.messages import HEARD, TOLD
from telemetra.live_messages import LiveMessage


def _codes(*, reconnect: bool) -> str:
    """Return the codes after which to reconnect, or not to, as one says them."""
    *first, last = (str(closing.code) for closing in CLOSINGS if closing.reconnect is reconnect)
    return f"{', '.join(first)} and {last}"


LIVE_SOCKET: Final = SocketDocumentation(
    name="live",
    tag="Live",
    title="Live updates of a stream",
    path="/ws/live/{stream_id}",
    path_parameters={
        "stream_id": {"description": STREAM_ID_PARAMETER.description, "examples": [STREAM_ID]},
    },
    query={
        "since": {
            "type": "string",
            "format": "position",
            "pattern": TEXT_PATTERN,
            "maxLength": MAX_TEXT_BYTES,
            "description": "The position to go on from: of the last message that you processed, or of an answer over "
            "HTTP (`Telemetra-Position`). One that can't be used is no error: a snapshot follows.",
            "examples": [POSITION_TEXT],
        },
        "ticket": {
            "type": "string",
            "description": "In place of a token, in browsers: from `POST /api/v1/live-tickets`, good for half a minute.",
        },
    },
    told=TOLD,
    union=SchemaUnion(
        name="LiveMessage",
        description="Whatever the server sends on the live socket: `type` says which message it is.",
        kinds=LiveMessage,
    ),
    heard=HEARD,
    answers={"ping": "pong"},
    closings=CLOSINGS,
    description=f"""\
`WS /ws/live/{{stream_id}}?since=POSITION`: everything that changes in a stream, as it is committed.

Connect with a WebSocket client. Every text frame is one message: first `connected`, then a `snapshot`, or, with a
`since` that can be resumed, exactly what was missed; then `metrics`, `moment`, `stream` and `removed` as they happen,
and a `heartbeat` when nothing does. Keep the newest `position`, and reconnect with it as `since`. You may send
`{{"type":"ping"}}`; a `pong` comes back. Anything else is answered by an `error`, and the second time by the end.

Where tokens are asked for, send yours with the handshake (`Authorization: Bearer TOKEN`); in a browser, which can't, take
a ticket from `POST /api/v1/live-tickets` for each connection, and give it as `ticket` in the query. A handshake is
refused as any request is, with 401, 403, 421 or 429.

Close codes {_codes(reconnect=True)} mean: reconnect with `since`; where the close reason is `reconnect_after_ms=N`,
after so many milliseconds. {_codes(reconnect=False)} mean: do not, something has to be mended first. Any other end is the
network's: reconnect with `since`.
""",
)
