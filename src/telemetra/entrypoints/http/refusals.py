"""
Refusals: what is answered when something raises, and the line in the log where one is due.

Knows nothing of who asked: the routes' framework hands its errors here, and so does the cache in front of the routes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from telemetra.domain.errors import (
    AccessDenied,
    CredentialInvalid,
    CredentialMissing,
    ParameterInvalid,
    PositionInvalid,
    TelemetraError,
)
from telemetra.entrypoints.http.headers import POSITION
from telemetra.entrypoints.http.parameters import ParametersInvalid
from telemetra.entrypoints.http.problems import (
    INTERNAL,
    INVALID_PARAMETER,
    NOT_ACCEPTABLE,
    PROBLEM_KINDS,
    PROBLEM_MEDIA_TYPE,
    InvalidParameter,
    ParameterProblem,
    Problem,
    ProblemKind,
    encode_problem,
    internal_problem,
    problem_of,
)

_RETRY_AFTER_SECONDS: Final = 1
_TELL_AGAIN_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Told:
    reason: str
    again_at: float
    others: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is a problem."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Refusals:
    """Makes refusals of errors; with `debug` they tell the text of what nobody foresaw."""

    def __init__(self, *, debug: bool = False, clock: Callable[[], float] = monotonic) -> None:
        self._debug = debug
        self._clock = clock
        self._told: dict[str, _Told] = {}
        """By code, what was told last."""

    def handlers(self) -> ExceptionHandlersMap:
        """Return what the framework does about errors: a problem, whatever happens."""
        return dict.fromkeys((ParametersInvalid, TelemetraError, HTTPException, Exception), self._handle)

    def note(self, error: Exception) -> None:
        """Leave the line that an error is due: one that an operator can do something about."""
        if isinstance(error, (ParametersInvalid, TelemetraError)):
            kind = _kind_of(error)
            if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                self._tell(kind.code, str(error))
        elif not isinstance(error, HTTPException) or error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("http_request_failed", exc_info=error)

    def _tell(self, code: str, reason: str) -> None:
        """
        Leave a line, the first time and then now and then; `others` is how many met the same since the last one.

        The request's own line says the rest, and so it does for those others: while a database is away all are refused, and
        an operator has to find the other lines between theirs.
        """
        now = self._clock()
        told = self._told.get(code)
        if told and told.reason == reason and now < told.again_at:
            told.others += 1
            _log.debug("http_request_refused", code=code, reason=reason)
            return
        others = {"others": told.others} if told and told.others else {}
        _log.error("http_request_refused", code=code, reason=reason, **others)
        self._told[code] = _Told(reason, now + _TELL_AGAIN_SECONDS)

    def refuse(self, error: Exception, request_id: str) -> Refusal:
        """Return what is answered to the request of this name."""
        if isinstance(error, ParametersInvalid):
            return _invalid(INVALID_PARAMETER, error.errors, request_id)
        if isinstance(error, TelemetraError):
            return _of_the_domain(error, request_id)
        if isinstance(error, HTTPException):
            return _of_the_framework(error, request_id)
        if self._debug:
            return _problem(problem_of(INTERNAL, f"{type(error).__name__}: {error}", request_id))
        return _problem(internal_problem(request_id))

    def _handle(self, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        name = str(request.scope.get("state", {}).get("request_id", ""))
        self.note(error)
        refusal = self.refuse(error, name)
        headers = {field.decode(): value.decode("latin-1") for field, value in refusal.headers}
        media_type = headers.pop("content-type")
        return Response(
            content=refusal.body, status_code=refusal.status, media_type=media_type, headers=headers
        )


def _kind_of(error: Exception) -> ProblemKind:
    if isinstance(error, ParametersInvalid):
        return INVALID_PARAMETER
    return next(
        PROBLEM_KINDS[known]
        for known in type(error).__mro__
        if issubclass(known, TelemetraError) and known in PROBLEM_KINDS
    )


def _of_the_domain(error: TelemetraError, request_id: str) -> Refusal:
    kind = _kind_of(error)
    match error:
        case ParameterInvalid():
            return _invalid(kind, [error], request_id)
        case PositionInvalid():
            return _invalid(kind, [ParameterInvalid(POSITION, str(error))], request_id)
    headers = {}
    if kind.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers["retry-after"] = str(getattr(error, "retry_after_seconds", _RETRY_AFTER_SECONDS))
    elif challenge := _CHALLENGES.get(type(error)):
        headers["www-authenticate"] = challenge
    return _problem(problem_of(kind, kind.detail or str(error), request_id), headers)


def _invalid(kind: ProblemKind, errors: Sequence[ParameterInvalid], request_id: str) -> Refusal:
    """Name every parameter by itself; an error that concerns two of them names both."""
    told = [
        InvalidParameter(name=name, reason=error.reason)
        for error in errors
        for name in error.name.split(", ")
    ]
    general = problem_of(kind, " ".join(str(error) for error in errors), request_id)
    return _problem(ParameterProblem(**_fields(general), errors=told))


def _of_the_framework(error: HTTPException, request_id: str) -> Refusal:
    """Tell what the framework refuses: unknown paths, methods, bad requests."""
    status = HTTPStatus(error.status_code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _problem(internal_problem(request_id))
    detail = _DETAILS.get(status, f"{status.description}.")
    kind = ProblemKind(status, status.phrase.lower().replace(" ", "_").replace("-", "_"), status.phrase)
    return _problem(problem_of(kind, detail, request_id), dict(error.headers or {}))


_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: "There is nothing at this path. /docs tells what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path does not take this method; the Allow header has those it takes.",
    HTTPStatus.NOT_ACCEPTABLE: NOT_ACCEPTABLE.detail or "",
    HTTPStatus.UPGRADE_REQUIRED: "Updates are sent over WebSocket: connect with a WebSocket client.",
}


_CHALLENGES: Final[dict[type[TelemetraError], str]] = {
    CredentialMissing: "Bearer",
    CredentialInvalid: 'Bearer error="invalid_token"',
    AccessDenied: 'Bearer error="insufficient_scope"',
}
"""What is asked of who is refused (RFC 6750, section 3)."""


def _fields(problem: Problem) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in Problem.__dataclass_fields__}


def _problem(problem: Problem, headers: dict[str, str] | None = None) -> Refusal:
    told = {"cache-control": "no-store", "content-type": PROBLEM_MEDIA_TYPE} | (headers or {})
    return Refusal(
        int(problem.status),
        [(name.lower().encode(), value.encode("latin-1")) for name, value in told.items()],
        encode_problem(problem),
    )
