"""Answers: what came back over HTTP becomes rows with their position, or the error that says what is wrong."""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urljoin

import httpx
import msgspec

from telemetra.client.errors import AnswerUnreadable, ServiceUnreachable, TelemetraError
from telemetra.client.faults import told
from telemetra.client.reads import POSITION, Page, Request
from telemetra.client.refusals import refusal

T = TypeVar("T")

_JSON: Final = "application/json"


def answered(answer: httpx.Response) -> httpx.Response:
    """
    Return an answer that is one.

    Raises:
        RequestRefused: the service says no.
        AnswerUnreadable: the answer leads elsewhere.

    """
    if answer.is_redirect:
        target = answer.headers.get("Location", "nowhere")
        raise AnswerUnreadable(
            f"The server answers HTTP {answer.status_code} and sends this client to {target!r}: if that is the service, "
            "name that address."
        )
    if answer.status_code != HTTPStatus.OK:
        raise refusal(
            answer.status_code,
            answer.headers,
            answer.content,
            unexplained=", and no reason: no Telemetra says that.",
        )
    return answer


def value_of(request: Request[T], answer: httpx.Response) -> T:
    """
    Return what an answer's body says.

    Raises:
        AnswerUnreadable: the answer is none of Telemetra's.

    """
    media_type = answer.headers.get("Content-Type", "nothing").partition(";")[0].strip().lower()
    if media_type != _JSON:
        raise AnswerUnreadable(
            f"The answer is {media_type}, and no JSON: no Telemetra is at {answer.url.copy_with(userinfo=b'')}."
        )
    try:
        return request.body.decode(answer.content)
    except (msgspec.DecodeError, RecursionError) as error:
        raise AnswerUnreadable(
            f"The answer is not what was asked for: {error}. If the service is newer, update the client."
        ) from error


def page_of(request: Request[list[T]], answer: httpx.Response) -> Page[T]:
    """
    Return a page of a listing.

    Raises:
        AnswerUnreadable: the answer is none of Telemetra's.

    """
    rows = value_of(request, answer)
    following = answer.links.get("next", {}).get("url")
    return Page(
        rows=rows,
        position=answer.headers.get(POSITION),
        next=None if following is None else urljoin(request.url, following),
    )


def why_unanswered(error: httpx.RequestError) -> TelemetraError:
    """Return what it means that no answer came."""
    match error:
        case httpx.TimeoutException():
            return ServiceUnreachable(
                f"The server did not answer in time ({_timeout(error)}).", may_pass=False
            )
        case httpx.DecodingError():
            return AnswerUnreadable(f"The answer can't be unpacked: {error}.")
    system = _of_the_system(error)
    if isinstance(system, ssl.SSLCertVerificationError):
        return ServiceUnreachable(told(system, within_seconds=0), may_pass=False)
    reason = told(system, within_seconds=0) if system else str(error) or type(error).__name__
    return ServiceUnreachable(f"There is no answer from {_shown(error)}: {reason.rstrip('.')}.")


def _timeout(error: httpx.TimeoutException) -> str:
    seconds: dict[str, Any] = error.request.extensions.get("timeout", {})
    limits = {
        httpx.ConnectTimeout: "connect",
        httpx.ReadTimeout: "read",
        httpx.WriteTimeout: "write",
        httpx.PoolTimeout: "pool",
    }
    what = limits.get(type(error), "read")
    return f"{what}, {seconds.get(what) or 0:g} s"


def _of_the_system(error: BaseException) -> OSError | None:
    """Return what the system said: libraries wrap it several times, and where a host has two addresses it said two things."""
    seen: BaseException | None = error
    said: OSError | None = None
    while seen is not None:
        if isinstance(seen, BaseExceptionGroup):
            seen = seen.exceptions[0]
        if isinstance(seen, OSError) and (said is None or not said.errno):
            said = seen
        seen = seen.__cause__ or seen.__context__
    return said


def _shown(error: httpx.RequestError) -> str:
    url = error.request.url
    return f"{url.scheme}://{url.netloc.decode('ascii')}"
