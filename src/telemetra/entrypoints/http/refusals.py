"""Refusals: what is done when a handler raises: a problem, whatever happened, and a line where one is due."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from telemetra.domain.errors import ParameterInvalid, PositionInvalid, TelemetraError
from telemetra.entrypoints.http.headers import POSITION
from telemetra.entrypoints.http.parameters import ParametersInvalid
from telemetra.entrypoints.http.problems import (
    INTERNAL,
    INVALID_PARAMETER,
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

_log = structlog.get_logger(__name__)


def exception_handlers(*, debug: bool = False) -> ExceptionHandlersMap:
    """Return what the application does about errors: problems, whatever happens; with `debug`, with the fault's text."""
    return {
        ParametersInvalid: _answer_parameters,
        TelemetraError: _answer_error,
        HTTPException: _answer_http,
        Exception: _answer_unforeseen_in_full if debug else _answer_unforeseen,
    }


def _answer_parameters(request: Request[Any, Any, Any], error: ParametersInvalid) -> Response[Any]:
    return _invalid(request, INVALID_PARAMETER, error.errors)


def _answer_error(request: Request[Any, Any, Any], error: TelemetraError) -> Response[Any]:
    kind = next(PROBLEM_KINDS[known] for known in type(error).__mro__ if known in PROBLEM_KINDS)
    match error:
        case ParameterInvalid():
            return _invalid(request, kind, [error])
        case PositionInvalid():
            return _invalid(request, kind, [ParameterInvalid(POSITION, str(error))])
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # The first line that says what an operator can do something about; the request's own line says the rest.
        _log.error("http_request_refused", code=kind.code, reason=str(error))
    headers = {}
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(getattr(error, "retry_after_seconds", _RETRY_AFTER_SECONDS))
    return _respond(problem_of(kind, kind.detail or str(error), _name(request)), headers)


def _invalid(
    request: Request[Any, Any, Any], kind: ProblemKind, errors: Sequence[ParameterInvalid]
) -> Response[Any]:
    """Name every parameter by itself; an error that concerns two of them names both."""
    told = [
        InvalidParameter(name=name, reason=error.reason)
        for error in errors
        for name in error.name.split(", ")
    ]
    general = problem_of(kind, " ".join(str(error) for error in errors), _name(request))
    return _respond(ParameterProblem(**_fields(general), errors=told))


def _answer_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Tell what the framework refuses: unknown paths, methods, bad requests."""
    status, headers = HTTPStatus(error.status_code), dict(error.headers or {})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer_unforeseen(request, error)
    detail = _DETAILS.get(status, f"{status.description}.")
    kind = ProblemKind(status, status.phrase.lower().replace(" ", "_").replace("-", "_"), status.phrase)
    return _respond(problem_of(kind, detail, _name(request)), headers)


_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: "There is nothing at this path. /docs tells what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path does not take this method; the Allow header has those it takes.",
    HTTPStatus.UPGRADE_REQUIRED: "Updates are sent over WebSocket: connect with a WebSocket client.",
}


def _answer_unforeseen(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    _log.error("http_request_failed", exc_info=error)
    return _respond(internal_problem(_name(request)))


def _answer_unforeseen_in_full(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    _log.error("http_request_failed", exc_info=error)
    return _respond(problem_of(INTERNAL, f"{type(error).__name__}: {error}", _name(request)))


def _fields(problem: Problem) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in Problem.__dataclass_fields__}


def _name(request: Request[Any, Any, Any]) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))


def _respond(problem: Problem, headers: dict[str, str] | None = None) -> Response[Any]:
    return Response(
        content=encode_problem(problem),
        status_code=problem.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"Cache-Control": "no-store"} | (headers or {}),
    )
