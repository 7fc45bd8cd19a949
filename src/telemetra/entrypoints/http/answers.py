"""Answers: what was read becomes a response, with position, validator and links; or 304 where the client has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, TypeVar, cast

import msgspec
from litestar import Request, Response

from telemetra.domain.errors import PositionInvalid
from telemetra.domain.positions import Position
from telemetra.domain.queries import Answer
from telemetra.entrypoints.asgi import ReadScope
from telemetra.entrypoints.http.headers import POSITION, headers_named

T = TypeVar("T")

VARY: Final = "Accept, Accept-Encoding"
"""And `Origin`, which the layer that decides about origins adds to every answer."""
# With any max-age a browser would show old data after a live update said that there is new; a 304 is cheap.
CACHE_CONTROL: Final = "no-cache"

_ENTITY_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_encoder: Final = msgspec.json.Encoder()


def respond(
    request: Request[Any, Any, Any], answer: Answer[T], links: Mapping[str, str] | None = None
) -> Response[T]:
    """
    Return the response to a read: `links` are targets by their relation (RFC 8288).

    Every answer comes from the primary, at a position that is taken when the request is here: it includes whatever
    position the client has seen of the same history.

    Raises:
        PositionInvalid: the client's position is of another history of the database.

    """
    required = required_position(request.scope)
    if required and required.epoch != answer.position.epoch:
        raise PositionInvalid("The position belongs to another history of the database: read without it.")
    body = _encoder.encode(answer.value)
    headers = {
        "ETag": entity_tag(body),
        "Cache-Control": CACHE_CONTROL,
        "Vary": VARY,
        POSITION: str(answer.position),
    }
    if links:
        headers["Link"] = ", ".join(f'<{target}>; rel="{relation}"' for relation, target in links.items())
    if is_known(request.scope, headers["ETag"]):
        return Response(content=cast("T", b""), status_code=304, headers=headers)
    # The body is encoded already; its type says what is in it, for the documentation.
    return Response(content=cast("T", body), media_type="application/json", headers=headers)


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
    return Position.parse(", ".join(given)) if given else None


def entity_tag(body: bytes) -> str:
    """Return a strong validator: equal only for equal bytes."""
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


def is_known(scope: ReadScope, tag: str) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2: compared weakly)."""
    return is_among(", ".join(headers_named(scope, b"if-none-match")), tag)


def is_among(given: str, tag: str) -> bool:
    """Whether a list of validators, or `*`, names the tag."""
    return given == tag or given.strip() == "*" or tag in _ENTITY_TAG.findall(given)
