"""
Refusals: an answer that is no success, or the end of a live socket, becomes the error that says what it means.

Knows nothing of the library that the answer came through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from telemetra.client.errors import (
    AccessDenied,
    ParameterInvalid,
    PositionInvalid,
    Problem,
    RequestRefused,
    ServiceUnavailable,
    StreamNotFound,
    TokenRefused,
    TooManyRequests,
)

_BY_CODE: Final[Mapping[str, type[RequestRefused]]] = {
    "stream_not_found": StreamNotFound,
    "parameter_invalid": ParameterInvalid,
    "position_invalid": PositionInvalid,
    "credential_missing": TokenRefused,
    "credential_invalid": TokenRefused,
    "access_denied": AccessDenied,
    "too_many_requests": TooManyRequests,
}
_BY_STATUS: Final[Mapping[int, type[RequestRefused]]] = {401: TokenRefused, 429: TooManyRequests}
"""
For who refuses without a code: a proxy that asks for a password, or has a limit of its own.

403 is not among them: servers answer it to any handshake that they have no socket for.
"""
_SERVER_ERRORS: Final = 500
_SECONDS: Final = re.compile(r"\d{1,9}", re.ASCII)

_decoder: Final = msgspec.json.Decoder(Problem)


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, unexplained: str) -> RequestRefused:
    """Return what an HTTP answer means; `unexplained` ends the sentence where it is no problem (RFC 9457)."""
    problem = _problem_in(body)
    told = f": {problem.detail}" if problem.detail else unexplained
    return _kind(status, problem.code)(
        f"The server answers HTTP {status}{told}",
        status=status,
        problem=problem,
        retry_after_seconds=retry_after(headers),
    )


def refusal_of_code(code: str | None) -> type[RequestRefused]:
    """Return the kind of error that a code of the service's names."""
    return _BY_CODE.get(code or "", RequestRefused)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return what `Retry-After` advises, in seconds: it may be a number, or a time (RFC 9110, section 10.2.3)."""
    given = headers.get("Retry-After", "")
    if _SECONDS.fullmatch(given):
        return float(given)
    try:
        then = parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return None
    # A time that names no zone is in UTC, as all times of HTTP are.
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _problem_in(body: bytes) -> Problem:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return Problem()


def _kind(status: int, code: str | None) -> type[RequestRefused]:
    if code is not None and code in _BY_CODE:
        return _BY_CODE[code]
    return ServiceUnavailable if status >= _SERVER_ERRORS else _BY_STATUS.get(status, RequestRefused)
