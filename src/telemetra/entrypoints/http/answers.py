"""Answers: what was read becomes a response, with position, validator and links; or 304 where the client has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec
from litestar import Request, Response

from telemetra.domain.errors import PositionInvalid
from telemetra.domain.positions import NOTHING_SEEN, Position
from telemetra.domain.queries import Answer
from telemetra.entrypoints.asgi import ReadScope
from telemetra.entrypoints.http.headers import POSITION, headers_named

VARY: Final = "Accept, Accept-Encoding"
"""And `Origin`, which the layer that decides about origins adds to every answer."""
# With any max-age a browser would show old data after a live update said that there is new; a 304 is cheap.
CACHE_CONTROL: Final = "no-cache"
REPLY_HEADERS: Final = frozenset(
    {b"etag", b"cache-control", b"vary", POSITION.lower().encode(), b"content-type", b"link"}
)
"""The headers that a reply may have."""
_TAG_DIGITS: Final = 32

_ENTITY_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer (200) before anybody's wishes: its headers by small names, and the position that it was read at."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    position: Position


def make_reply(answer: Answer[Any], links: Mapping[str, str]) -> Reply:
    """Return the answer to a read; `links` are targets by their relation (RFC 8288)."""
    body = _encoder.encode(answer.value)
    headers = [
        (b"etag", entity_tag(body).encode()),
        (b"cache-control", CACHE_CONTROL.encode()),
        (b"vary", VARY.encode()),
        (POSITION.lower().encode(), str(answer.position).encode()),
        (b"content-type", b"application/json"),
    ]
    if links:
        told = ", ".join(f'<{target}>; rel="{relation}"' for relation, target in links.items())
        headers.append((b"link", told.encode("latin-1")))
    return Reply(headers, body, answer.position)


def respond(request: Request[Any, Any, Any], reply: Reply) -> Response[Any]:
    """
    Return the response to a read that a route was asked.

    Every answer comes from the primary, at a position that is taken when the request is here: it includes whatever
    position the client has seen of the same history.

    Raises:
        PositionInvalid: the client's position is of another history of the database.

    """
    require_history(required_position(request.scope), reply.position)
    headers = {name.decode(): value.decode("latin-1") for name, value in reply.headers}
    if is_known(request.scope, headers["etag"]):
        del headers["content-type"]
        return Response(content=b"", status_code=304, headers=headers)
    # The body is encoded already; its type says what is in it, for the documentation.
    return Response(content=reply.body, media_type=headers.pop("content-type"), headers=headers)


def require_history(required: Position | None, position: Position) -> None:
    """
    Compare what an answer must include with the history that it was read in.

    Raises:
        PositionInvalid: the client's position is of another one.

    """
    if required and required.epoch != position.epoch:
        raise PositionInvalid("The position belongs to another history of the database: read without it.")


async def require_readable_position(request: Request[Any, Any, Any]) -> None:
    """Refuse a request whose position can't be read, before anything is asked of the database."""
    required_position(request.scope)


def required_position(scope: ReadScope) -> Position | None:
    """
    Return what the answer to this request must include.

    Raises:
        PositionInvalid: the header can't be read.

    """
    given = headers_named(scope, POSITION.lower().encode())
    position = Position.parse(", ".join(given)) if given else None
    # What a live listener is told before its snapshot: it has seen nothing, so there is nothing to include.
    return None if position == NOTHING_SEEN else position


def entity_tag(body: bytes) -> str:
    """Return a strong validator: equal only for equal bytes."""
    return f'"{sha256(body).hexdigest()[:_TAG_DIGITS]}"'


def is_known(scope: ReadScope, tag: str) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2: compared weakly)."""
    return is_among(", ".join(headers_named(scope, b"if-none-match")), tag)


def is_among(given: str, tag: str) -> bool:
    """Whether a list of validators, or `*`, names the tag."""
    return given == tag or given.strip() == "*" or tag in _ENTITY_TAG.findall(given)
