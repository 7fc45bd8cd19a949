"""
The OpenAPI document: the routes as the framework sees them, the types as msgspec writes them to the wire.

One encoder makes the bodies and one library describes them, so that types generated from the document don't lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Tag
from litestar.types import ControllerRouterHandler

from telemetra.domain.moments import Moment
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow
from telemetra.entrypoints.http.health import Liveness, Readiness
from telemetra.entrypoints.http.index import VERSION, Index
from telemetra.entrypoints.http.live_tickets import LiveTicket
from telemetra.entrypoints.http.operations import TOKEN_SCHEME
from telemetra.entrypoints.http.ports import provide_ports
from telemetra.entrypoints.http.problems import ParameterProblem, Problem
from telemetra.entrypoints.http.schemas import REFERENCE, schemas_of
from telemetra.entrypoints.http.sockets import SocketDocumentation

_BODIES: Final = (
    Stream,
    MetricWindow,
    Moment,
    Index,
    Liveness,
    Readiness,
    LiveTicket,
    Problem,
    ParameterProblem,
)
_SECURITY: Final = {
    TOKEN_SCHEME: {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the operator's, where the service asks for one.",
    }
}

_DESCRIPTION: Final = """\
Analytics of live streams: how much a channel's chat says, in what mood, to how many viewers, and the moments that
stood out.

* **Times** are RFC 3339, in UTC.
* **Pages** are bare arrays; the `Link` header has the next one.
* **Errors** are `application/problem+json` (RFC 9457) with a stable `code`.
* **Caching**: send the `ETag` that you have as `If-None-Match`; 304 costs next to nothing.
  What is kept may be a tenth of a second behind a commit; `Cache-Control: no-cache` asks the database.
* **Positions**: `Telemetra-Position` says what an answer includes. Send it with a request, and the answer includes it
  too; give it to the live socket as `since`, and updates go on from exactly there.
"""
# Its links are relative, as the pages' own are.
_MORE_OF_SOCKET: Final = """
What the server sends is a `{union}`. Every message with its fields, examples, and the close codes:
[the live socket](asyncapi), for programs [asyncapi.json](asyncapi.json).
"""
_TAGS: Final = (
    ("Streams", "Channels' broadcasts, as their writers describe them."),
    ("Metrics", "One row of figures for each window of a stream's time."),
    ("Moments", "What was unusual in a stream, and compared with what."),
    ("Health", "For load balancers and supervisors."),
    ("Service", "What this is and where to look."),
)


def build_document(
    routes: Sequence[ControllerRouterHandler], *, title: str, sockets: Sequence[SocketDocumentation] = ()
) -> bytes:
    """Return the document as JSON, two spaces deep, always the same for the same routes."""
    config = OpenAPIConfig(
        title=title,
        version=VERSION,
        summary="Live-stream analytics: REST, and live updates that are never lost.",
        description=_DESCRIPTION,
        tags=[Tag(name=name, description=text) for name, text in _TAGS]
        + [
            Tag(
                name=socket.tag,
                description=socket.description + _MORE_OF_SOCKET.format(union=socket.union.name),
            )
            for socket in sockets
        ],
        use_handler_docstrings=True,
    )
    # An application that is never served: its only work is to look at the routes.
    described = Litestar(
        routes, openapi_config=config, dependencies={"ports": Provide(provide_ports)}, logging_config=None
    )
    document = described.openapi_schema.to_schema()
    heard = {message.kind for socket in sockets for message in socket.heard}
    unions = [socket.union for socket in sockets]
    document["components"] = {
        "schemas": schemas_of([*_BODIES, *heard], unions),
        "securitySchemes": _SECURITY,
    }
    document["x-websockets"] = {
        socket.path: {
            "tag": socket.tag,
            "messages": [
                REFERENCE.format(name=name)
                for name in (socket.union.name, *(message.kind.__name__ for message in socket.heard))
            ],
        }
        for socket in sockets
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
