"""
What can go wrong for whoever reads with this client, as facts that a program can branch on.

Knows nothing of how the service was asked. Texts are for people; parts of them may be the server's: mind control
characters where they go to a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class TelemetraError(Exception):
    """Whatever this client raises about the service; a mistake in a call is a `ValueError`, `TypeError` or `RuntimeError`, as ever."""


class UrlInvalid(TelemetraError, ValueError):
    """The service's address can't be used; the text says what is expected, without repeating it (it may hold a password)."""


class TokenInvalid(TelemetraError, ValueError):
    """The token is none that a header can carry; the text does not repeat it."""


class ServiceUnreachable(TelemetraError):
    """
    There was no answer: nobody listens, the connection broke, it took too long, or a certificate is not trusted.

    Attributes:
        may_pass: Whether trying again may help; not where a certificate is refused, and not where all the time was taken.

    """

    def __init__(self, message: str, *, may_pass: bool = True) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class AnswerUnreadable(TelemetraError):
    """
    There was an answer, and it is none that this client understands: of another program, such as a proxy, or cut short.

    A service that is newer than this client may say what it does not know: then a newer client helps.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidParameter:
    """One parameter that the service can't use."""

    name: str
    """As the service calls it: a query parameter, or `Telemetra-Position`."""
    reason: str
    """Why, and how to mend it."""


class RequestRefused(TelemetraError):
    """
    The service says no, and why (RFC 9457); this class itself where no narrower one fits.

    Attributes:
        status: The HTTP status; None where a live socket was closed.
        close_code: The live socket's close code; None for an HTTP answer.
        code: The kind of problem, for programs, such as `stream_not_found`; None where what refuses is no Telemetra.
        title: The kind of problem, in words.
        detail: What went wrong this time, in words; empty where nothing was said.
        errors: Every parameter that can't be used.
        request_id: What to quote to the operator, whose logs have it.
        retry_after_seconds: How long to wait before the next try, where the service says so.

    """

    # Everything has a default, so that an error can be pickled on its way out of a pool of processes.
    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        close_code: int | None = None,
        problem: Problem | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        told = problem or Problem()
        self.status = status
        self.close_code = close_code
        self.code = told.code
        self.title = told.title
        self.detail = told.detail
        self.errors: Sequence[InvalidParameter] = told.errors
        self.request_id = told.request_id
        self.retry_after_seconds = retry_after_seconds


class StreamNotFound(RequestRefused):
    """No stream, window or moment has this id; `stream` itself needs the stream's own row."""


class ParameterInvalid(RequestRefused):
    """Something that was asked for can't be used; `errors` names each with the reason."""


class PositionInvalid(ParameterInvalid):
    """The position can't be read, or is of another history of the database: read without it, and begin anew."""


class TokenRefused(RequestRefused):
    """The service wants a token and got none, or one that it does not know (any more)."""


class AccessDenied(RequestRefused):
    """The token is known, and is not for this stream, or not for this kind of question."""


class TooManyRequests(RequestRefused):
    """More was asked than this client may ask; `retry_after_seconds` says when to come back."""


class ServiceUnavailable(RequestRefused):
    """The service can't answer now: its database is away, it is full, it failed, or a proxy finds none behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a refusal says of itself, as far as it does."""

    code: str | None = None
    title: str | None = None
    detail: str = ""
    errors: Sequence[InvalidParameter] = ()
    request_id: str | None = None
