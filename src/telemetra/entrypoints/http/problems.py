"""Problems: how errors are told over HTTP (RFC 9457), and the one table that says which error becomes which."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec

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

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"

_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What went wrong, for people and for programs (RFC 9457)."""

    type: str
    """A name of this kind of problem that never changes; nothing is to be found at it."""
    title: str
    """The kind of problem, in words."""
    status: int
    """The HTTP status, again."""
    detail: str
    """What went wrong this time, in words."""
    code: str
    """The kind of problem, for programs: the last part of `type`."""
    request_id: str
    """What to quote when asking about it: the logs have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidParameter:
    """One parameter that can't be used."""

    name: str
    """What the parameter is called."""
    reason: str
    """Why, and how to mend it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterProblem(Problem):
    """Parameters that can't be used."""

    errors: list[InvalidParameter]
    """Every parameter that is wrong."""


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """What is the same for all problems of a kind. The details of some errors are not for clients."""

    status: HTTPStatus
    code: str
    title: str
    detail: str | None = None
    """Said instead of the error's own message."""

    @property
    def type(self) -> str:
        """The kind's permanent name."""
        return f"urn:telemetra:problem:{self.code}"


INTERNAL: Final = ProblemKind(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    TelemetraError.code,
    "Internal error",
    "Something went wrong here. The server's log tells more, under this request_id.",
)
DATABASE_AWAY: Final = ProblemKind(
    HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseUnavailable.code,
    "Database unavailable",
    # The reason names the server and the role.
    "The database is not available.",
)
INVALID_PARAMETER: Final = ProblemKind(
    HTTPStatus.UNPROCESSABLE_ENTITY, ParameterInvalid.code, "Invalid parameter"
)
NO_TOKEN: Final = ProblemKind(HTTPStatus.UNAUTHORIZED, CredentialMissing.code, "Token missing")
DENIED: Final = ProblemKind(HTTPStatus.FORBIDDEN, AccessDenied.code, "Access denied")
WRONG_HOST: Final = ProblemKind(HTTPStatus.MISDIRECTED_REQUEST, HostNotAllowed.code, "Host not allowed")
TOO_MANY: Final = ProblemKind(HTTPStatus.TOO_MANY_REQUESTS, TooManyRequests.code, "Too many requests")
NOT_ACCEPTABLE: Final = ProblemKind(
    HTTPStatus.NOT_ACCEPTABLE,
    "not_acceptable",
    "Not Acceptable",
    "This can be had as application/json, text/csv or application/x-ndjson: name one of them in Accept, or a format in the "
    "query.",
)
NO_STREAM: Final = ProblemKind(HTTPStatus.NOT_FOUND, StreamNotFound.code, "Stream not found")

PROBLEM_KINDS: Final[dict[type[TelemetraError], ProblemKind]] = {
    TelemetraError: INTERNAL,
    StreamNotFound: NO_STREAM,
    ParameterInvalid: INVALID_PARAMETER,
    PositionInvalid: ProblemKind(HTTPStatus.UNPROCESSABLE_ENTITY, PositionInvalid.code, "Invalid position"),
    DatabaseUnavailable: DATABASE_AWAY,
    RedisUnavailable: ProblemKind(HTTPStatus.SERVICE_UNAVAILABLE, RedisUnavailable.code, "Redis unavailable"),
    BusUnavailable: ProblemKind(HTTPStatus.SERVICE_UNAVAILABLE, BusUnavailable.code, "Live bus unavailable"),
    SchemaOutdated: ProblemKind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        SchemaOutdated.code,
        "Database not migrated",
        "The database is not at the schema that this version needs.",
    ),
    MigrationFailed: ProblemKind(
        HTTPStatus.INTERNAL_SERVER_ERROR, MigrationFailed.code, INTERNAL.title, INTERNAL.detail
    ),
    HostNotAllowed: WRONG_HOST,
    CredentialMissing: NO_TOKEN,
    CredentialInvalid: ProblemKind(HTTPStatus.UNAUTHORIZED, CredentialInvalid.code, "Token invalid"),
    AccessDenied: DENIED,
    TooManyRequests: TOO_MANY,
    TooManyConnections: ProblemKind(
        HTTPStatus.SERVICE_UNAVAILABLE, TooManyConnections.code, "Too many connections"
    ),
}
"""Every error of the domain has its kind here."""


def internal_problem(request_id: str) -> Problem:
    """Return the problem that says nothing but that there is one."""
    return problem_of(INTERNAL, INTERNAL.detail or "", request_id)


def encode_problem(problem: Problem) -> bytes:
    """Return the body."""
    return _encoder.encode(problem)


def problem_of(kind: ProblemKind, detail: str, request_id: str) -> Problem:
    """Return the problem of a kind that one request met."""
    return Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=detail,
        code=kind.code,
        request_id=request_id,
    )
