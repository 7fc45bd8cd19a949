"""
Endings: why a connection to the live socket ended or did not come about, and whether the next one may be better.

Knows close codes, statuses and what networks do; nothing of messages, nor of how the connection is driven.
"""

from __future__ import annotations

import re
import ssl
from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidProxyStatus, InvalidStatus
from websockets.http11 import Response

from telemetra.client.errors import (
    AnswerUnreadable,
    Problem,
    RequestRefused,
    ServiceUnreachable,
    StreamNotFound,
    TelemetraError,
)
from telemetra.client.faults import told
from telemetra.client.refusals import refusal, refusal_of_code, retry_after

OPEN_SECONDS: Final = 10.0
_MAX_ADVICE_SECONDS: Final = 300.0

_MEANINGS: Final = {
    1001: "the server goes away",
    1007: "the server could not read what this client sent",
    1008: "this client broke the server's rules",
    1009: "what this client sent was too large",
    1011: "a fault of the server",
    1012: "the server restarts",
    1013: "the server has no room, or its database is away",
    4404: "there is no such stream",
    4408: "this client read too slowly",
}
_STREAM_NOT_FOUND: Final = 4404
_FINAL_CODES: Final = {1007, 1008, 1009, _STREAM_NOT_FOUND}
"""After these trying again is no use; after any other it is, also after one that nobody has heard of."""
_PASSING_STATUSES: Final = {408, 425, 429}
_SERVER_ERRORS: Final = 500
_ADVICE: Final = re.compile(r"reconnect_after_ms=(\d{1,9})", re.ASCII)


class ConnectionBroken(Exception):
    """The connection ended, or did not come about, and the next one may be better."""

    def __init__(self, reason: str, *, advised_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advised_seconds = advised_seconds


def why_closed(closed: ConnectionClosed, last_words: Problem | None) -> ConnectionBroken | RequestRefused:
    """Return what the end of an open connection means; `last_words` is what the server's `error` said before it."""
    frame = closed.rcvd
    if frame is None:
        # The network broke, the process was killed, or it answers no ping.
        ours = f" ({closed.sent.reason})" if closed.sent and closed.sent.reason else ""
        return ConnectionBroken(f"cut off{ours}")
    problem = last_words or Problem()
    advice = _ADVICE.search(frame.reason)
    text = problem.detail.rstrip(".") or ("" if advice else frame.reason) or _MEANINGS.get(frame.code, "")
    reason = f"{frame.code}: {text}" if text else f"close code {frame.code}"
    if frame.code in _FINAL_CODES:
        kind = StreamNotFound if frame.code == _STREAM_NOT_FOUND else refusal_of_code(problem.code)
        return kind(f"The server ends it ({reason}).", close_code=frame.code, problem=problem)
    return ConnectionBroken(reason, advised_seconds=_advised(int(advice[1]) / 1000) if advice else None)


def why_unopened(error: Exception) -> ConnectionBroken | TelemetraError:
    """Return what it means that no connection came about."""
    match error:
        case InvalidStatus(response=response) | InvalidProxyStatus(response=response):
            return _why_answered(response)
        case ssl.SSLCertVerificationError():
            return ServiceUnreachable(told(error, within_seconds=OPEN_SECONDS), may_pass=False)
        case OSError():
            return ConnectionBroken(told(error, within_seconds=OPEN_SECONDS))
        case InvalidMessage(__cause__=EOFError()) | ConnectionClosed():
            return ConnectionBroken("cut off during the handshake")
        case _:
            return AnswerUnreadable(f"There is no live socket at this address: {error}.")


def _why_answered(response: Response) -> ConnectionBroken | RequestRefused:
    status = response.status_code
    if status < _SERVER_ERRORS and status not in _PASSING_STATUSES:
        unexplained = " and does not open the live socket."
        return refusal(status, response.headers, bytes(response.body), unexplained=unexplained)
    pause = retry_after(response.headers)
    return ConnectionBroken(f"HTTP {status}", advised_seconds=None if pause is None else _advised(pause))


def _advised(seconds: float) -> float:
    return min(seconds, _MAX_ADVICE_SECONDS)
