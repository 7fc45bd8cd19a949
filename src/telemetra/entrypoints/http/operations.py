"""
What the documentation says of each operation beyond its types: parameters, headers, examples, problems.

A route names its `operation(...)`; the framework then builds the rest out of the handler's signature and docstring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from litestar.openapi.spec import (
    Example,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    Parameter,
    Reference,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

from telemetra.domain.positions import MAX_TEXT_BYTES
from telemetra.entrypoints.http import examples
from telemetra.entrypoints.http.headers import POSITION, REQUEST_ID
from telemetra.entrypoints.http.operation_links import links_to
from telemetra.entrypoints.http.parameters import QueryParameter
from telemetra.entrypoints.http.problems import (
    DATABASE_AWAY,
    DENIED,
    INTERNAL,
    INVALID_PARAMETER,
    NO_STREAM,
    NO_TOKEN,
    NOT_ACCEPTABLE,
    PROBLEM_MEDIA_TYPE,
    TOO_MANY,
    WRONG_HOST,
    ProblemKind,
)
from telemetra.entrypoints.paths import MAX_STREAM_ID_BYTES

TOKEN_SCHEME: Final = "bearer"  # noqa: S105  (a name in the documentation)
"""What the documentation calls the way in which tokens are sent."""

_TEXT: Final = Schema(type=OpenAPIType.STRING)
_POSITION: Final = Schema(
    type=OpenAPIType.STRING,
    # Ours, which OpenAPI allows: it tells who makes requests up that there is more to it than a pattern.
    format="position",  # type: ignore[arg-type]
    pattern="^[A-Za-z0-9_-]+$",
    max_length=MAX_TEXT_BYTES,
    examples=[examples.POSITION_TEXT],
)

STREAM_ID_PARAMETER: Final = Parameter(
    name="stream_id",
    param_in="path",
    required=True,
    schema=Schema(
        type=OpenAPIType.STRING, min_length=1, max_length=MAX_STREAM_ID_BYTES, pattern=r"^[^\u0000]+$"
    ),
    description=(
        f"The stream's identifier, percent-encoded; a slash in it is `%2F`. At most {MAX_STREAM_ID_BYTES} bytes of "
        "UTF-8, compared byte by byte."
    ),
    example=examples.STREAM_ID,
)
_POSITION_PARAMETER: Final = Parameter(
    name=POSITION,
    param_in="header",
    schema=_POSITION,
    description="A position that you have, from an answer or a live message: this answer will include it.",
)
_IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    param_in="header",
    schema=_TEXT,
    description="The `ETag` of the answer that you have; 304 says that it still holds.",
)

_REQUEST_ID_HEADER: Final = OpenAPIHeader(
    schema=Schema(type=OpenAPIType.STRING, pattern="^[A-Za-z0-9._~-]{1,128}$"),
    required=True,
    description="The request's name, yours or a new one; quote it when asking about the request.",
)
_READ_HEADERS: Final = {
    "ETag": OpenAPIHeader(
        schema=Schema(type=OpenAPIType.STRING, pattern='^"[^"]+"$'),
        required=True,
        description="A strong validator of this very body.",
    ),
    "Cache-Control": OpenAPIHeader(
        schema=_TEXT,
        required=True,
        description="`no-cache` (`private, no-cache` where a token was asked for): ask again, with the `ETag`.",
    ),
    POSITION: OpenAPIHeader(
        schema=_POSITION,
        required=True,
        description="What this answer includes. `/ws/live/{stream_id}?since=` goes on from exactly there.",
    ),
}
_ETAG_OF_JSON: Final = OpenAPIHeader(
    schema=_READ_HEADERS["ETag"].schema,
    description="A strong validator of this very body; an export has none.",
)
_DISPOSITION: Final = OpenAPIHeader(schema=_TEXT, description="The name of the file that an export is.")
_LINK_HEADER: Final = OpenAPIHeader(
    schema=_TEXT,
    description="Other pages (RFC 8288), relative to this request's URL; without `next` this is the last one.",
    example=f'<?limit=100&cursor={examples.WINDOW_CURSOR}>; rel="next"',
)
_RETRY_AFTER_HEADER: Final = OpenAPIHeader(
    schema=Schema(type=OpenAPIType.INTEGER),
    required=True,
    description="Seconds after which another try makes sense.",
)

_CHALLENGE_HEADER: Final = OpenAPIHeader(schema=_TEXT, description="`Bearer`: what is missing is a token.")

_ERRORS: Final = {
    401: (
        NO_TOKEN,
        "A token is needed, or the one that was sent is not known.",
        "A token is needed: send it as `Authorization: Bearer TOKEN`.",
    ),
    403: (DENIED, "The token does not allow this.", "The token 'dashboard' is not for this stream."),
    421: (
        WRONG_HOST,
        "The service does not answer for the host that you named.",
        "This service does not answer for the host 'example.com': its operator names them in ALLOWED_HOSTS.",
    ),
    429: (TOO_MANY, "You ask more often than you may.", "You ask more often than you may: wait 2 s."),
    404: (NO_STREAM, "Neither a stream nor any window or moment has this id.", "There is no stream 'demo'."),
    406: (NOT_ACCEPTABLE, "Nothing of what `Accept` names can be had here.", NOT_ACCEPTABLE.detail or ""),
    422: (
        INVALID_PARAMETER,
        "Some parameters can't be used; `errors` names each with the reason.",
        "limit: Expected a whole number from 1 to 500.",
    ),
    500: (INTERNAL, "Something went wrong in the server; its log tells more.", INTERNAL.detail or ""),
    503: (DATABASE_AWAY, "The database does not answer; try again.", DATABASE_AWAY.detail or ""),
}


_OF_THE_GATE: Final = (401, 403, 421, 429)


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What is said of an operation's success and of what it may refuse."""

    answer: str
    """What a success brings."""
    query: Sequence[QueryParameter] = ()
    of_stream: bool = False
    """Whether the path names a stream."""
    is_read: bool = False
    """Whether it reads rows: then it has a position and can be asked conditionally."""
    is_paged: bool = False
    is_readiness: bool = False
    """Whether 503 has the same body as 200."""
    is_guarded: bool = False
    """Whether it may ask for a token; what reads rows does."""
    leads_to: Sequence[str] = ()
    """Operations that go on from the answer, at its position."""
    example: Any = None
    exports: Mapping[str, str] = field(default_factory=dict)
    """Examples by media type: what else than JSON it can be had in."""
    errors: Sequence[int] = ()


def operation(documented: Documented) -> type[Operation]:
    """Return the kind of operation that carries this documentation."""

    @dataclass
    class DocumentedOperation(Operation):
        def __post_init__(self) -> None:
            self.parameters = _parameters(documented) or None
            (status, success), *_ = (self.responses or {}).items()
            if isinstance(success, OpenAPIResponse):
                _enrich(success, documented)
            self.responses = {status: success} | _other_responses(documented)
            if documented.is_read or documented.is_guarded:
                # One or none, as the operator likes.
                self.security = [{}, {TOKEN_SCHEME: []}]

    return DocumentedOperation


def _parameters(documented: Documented) -> list[Parameter | Reference]:
    path = [STREAM_ID_PARAMETER] if documented.of_stream else []
    query = [
        Parameter(
            name=parameter.name,
            param_in="query",
            description=parameter.description,
            schema=Schema(**parameter.schema),
        )
        for parameter in documented.query
    ]
    headers = [_POSITION_PARAMETER, _IF_NONE_MATCH] if documented.is_read else []
    return [*path, *query, *headers]


def _enrich(success: OpenAPIResponse, documented: Documented) -> None:
    success.description = documented.answer
    success.headers = dict(_headers(documented))
    success.links = links_to(documented.leads_to, of_stream=documented.of_stream) or None
    for content in (success.content or {}).values():
        content.examples = {"example": Example(value=examples.as_json(documented.example))}
    for media_type, example in documented.exports.items():
        exported = OpenAPIMediaType(schema=_TEXT, examples={"example": Example(value=example)})
        success.content = {**(success.content or {}), media_type: exported}


def _headers(documented: Documented) -> Mapping[str, OpenAPIHeader]:
    read = _READ_HEADERS if documented.is_read else {}
    if documented.exports:
        read = {**read, "ETag": _ETAG_OF_JSON, "Content-Disposition": _DISPOSITION}
    paged = {"Link": _LINK_HEADER} if documented.is_paged else {}
    return read | paged | {REQUEST_ID: _REQUEST_ID_HEADER}


def _other_responses(documented: Documented) -> dict[str, OpenAPIResponse | Reference]:
    responses: dict[str, OpenAPIResponse | Reference] = {}
    if documented.is_read:
        responses["304"] = OpenAPIResponse(
            description="The answer that you have still holds.", headers=dict(_headers(documented))
        )
    if documented.is_readiness:
        unavailable = {"status": "unavailable", "database": "unavailable", "redis": "ok"}
        responses["503"] = OpenAPIResponse(
            description="The database does not answer and nothing can be read, or the process is about to go.",
            headers={"Retry-After": _RETRY_AFTER_HEADER, REQUEST_ID: _REQUEST_ID_HEADER},
            content={
                "application/json": OpenAPIMediaType(
                    schema=Reference("#/components/schemas/Readiness"),
                    examples={"example": Example(value=unavailable)},
                )
            },
        )
    guarded = _OF_THE_GATE if documented.is_read or documented.is_guarded else ()
    for status in sorted({*documented.errors, *guarded}):
        responses[str(status)] = _problem_response(*_ERRORS[status])
    return responses


def _problem_response(kind: ProblemKind, description: str, detail: str) -> OpenAPIResponse:
    is_parameters = kind is INVALID_PARAMETER
    example = {
        "type": kind.type,
        "title": kind.title,
        "status": int(kind.status),
        "detail": detail,
        "code": kind.code,
        "request_id": "5f0c3a1e9b7d4c2f8a6e0d1b3c5f7a9e",
    }
    if is_parameters:
        name, _, reason = detail.partition(": ")
        example["errors"] = [{"name": name, "reason": reason}]
    headers: dict[str, OpenAPIHeader | Reference] = {REQUEST_ID: _REQUEST_ID_HEADER}
    if kind.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers["Retry-After"] = _RETRY_AFTER_HEADER
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = _CHALLENGE_HEADER
    schema = Reference(f"#/components/schemas/{'ParameterProblem' if is_parameters else 'Problem'}")
    content = OpenAPIMediaType(schema=schema, examples={"example": Example(value=example)})
    return OpenAPIResponse(description=description, headers=headers, content={PROBLEM_MEDIA_TYPE: content})
