"""
How a listener's conversation ends: with which code, and what the client is told.

Advice to come back is spread over a window, so that those who were sent away together don't return together.
"""

from __future__ import annotations

from random import Random
from typing import Final

from telemetra.domain.errors import (
    AccessDenied,
    CredentialInvalid,
    DatabaseUnavailable,
    PositionInvalid,
    StreamNotFound,
    TelemetraError,
)
from telemetra.entrypoints.live.protocol import CloseCode, close_code

COME_BACK_WITHIN_MS: Final[dict[int, tuple[int, int]]] = {
    CloseCode.RESTART: (100, 5_000),
    CloseCode.TRY_AGAIN: (1_000, 10_000),
    CloseCode.TOO_SLOW: (100, 1_000),
}
"""Codes whose close reason advises a pause, and between which bounds."""
_jitter: Final = Random()  # noqa: S311  (spreads reconnects, guards nothing)


GONE: Final = "gone"
"""The cause of an ending that is not ours."""

TOO_MANY: Final = "too_many_listeners"
TOO_MANY_OF_ADDRESS: Final = "too_many_listeners_of_address"

CAUSES: Final[dict[int, tuple[str, ...]]] = {
    CloseCode.POLICY: ("too_many_messages", "message_invalid", CredentialInvalid.code, AccessDenied.code),
    CloseCode.TOO_LARGE: ("message_invalid",),
    CloseCode.INTERNAL: ("internal_error",),
    CloseCode.RESTART: ("server_restarting", PositionInvalid.code),
    CloseCode.TRY_AGAIN: (TOO_MANY, TOO_MANY_OF_ADDRESS, DatabaseUnavailable.code),
    CloseCode.STREAM_NOT_FOUND: (StreamNotFound.code,),
    CloseCode.TOO_SLOW: ("too_slow",),
}
"""Why we close, by the code that we close with."""


class ListenerEnded(Exception):
    """
    The conversation is over.

    With an `error` (its code, and a detail for people) the client gets that before the socket is closed. `gone`: the
    other side, or the server under us, has closed it already and nothing can be sent. The `cause` is for the operator, where
    it says more than the error's code.
    """

    def __init__(
        self,
        code: int,
        error: tuple[str, str] | None = None,
        *,
        gone: bool = False,
        cause: str | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.error = error
        self.gone = gone
        self.cause = cause or (error[0] if error else GONE)

    @classmethod
    def because(cls, error: TelemetraError) -> ListenerEnded:
        """Tell a domain error; what concerns the operator alone is told without details."""
        code = close_code(error)
        if code == CloseCode.INTERNAL:
            return internal_error()
        # What the driver says names the database's address.
        detail = DatabaseUnavailable().args[0] if isinstance(error, DatabaseUnavailable) else str(error)
        return cls(code, (error.code, detail))

    @property
    def reason(self) -> str:
        """Text for the close frame: when to come back, or the error's code."""
        if window := COME_BACK_WITHIN_MS.get(self.code):
            return f"reconnect_after_ms={_jitter.randint(*window)}"
        return self.error[0] if self.error else ""


def internal_error() -> ListenerEnded:
    """Return the ending for what nobody foresaw; the log has the details, the client gets none."""
    return ListenerEnded(CloseCode.INTERNAL, ("internal_error", "Something went wrong on the server."))


def server_restarts() -> ListenerEnded:
    """Return the ending for a server that goes away."""
    return ListenerEnded(CloseCode.RESTART, ("server_restarting", "The server goes away; come back shortly."))


def too_slow() -> ListenerEnded:
    """Return the ending for a client that has read nothing for too long."""
    detail = "Nothing was read for too long; resume with the last position."
    return ListenerEnded(CloseCode.TOO_SLOW, ("too_slow", detail))


def client_gone(code: int) -> ListenerEnded:
    """Return the ending for a connection that is gone; 1005 is a close without a code, 1006 none at all."""
    return ListenerEnded(code, gone=True)


def no_room(detail: str, cause: str = TOO_MANY) -> ListenerEnded:
    """Return the ending for a listener too many."""
    return ListenerEnded(CloseCode.TRY_AGAIN, (TOO_MANY, detail), cause=cause)
