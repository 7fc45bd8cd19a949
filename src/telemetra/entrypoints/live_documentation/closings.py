"""What a closed socket means to its client, code by code: what has happened, and whether to come back."""

from __future__ import annotations

from typing import Final

from telemetra.entrypoints.http.sockets import SocketClosing
from telemetra.entrypoints.live.ending import COME_BACK_WITHIN_MS
from telemetra.entrypoints.live.protocol import CloseCode

_AT_ONCE: Final = "Reconnect with `since`."
_AS_ADVISED: Final = "Reconnect with `since`, after the pause that the close reason advises."
_LATER: Final = "Reconnect later, with `since`."
_MEND: Final = "Mend the client first."


def _closing(code: CloseCode, meaning: str, advice: str, *, reconnect: bool) -> SocketClosing:
    return SocketClosing(
        code=int(code),
        name=code.name.lower(),
        meaning=meaning,
        reconnect=reconnect,
        advises_pause=code in COME_BACK_WITHIN_MS,
        advice=advice,
    )


CLOSINGS: Final = (
    _closing(CloseCode.GOING_AWAY, "The server goes away.", _AT_ONCE, reconnect=True),
    _closing(CloseCode.BAD_TEXT, "What you sent is not UTF-8.", _MEND, reconnect=False),
    _closing(
        CloseCode.POLICY,
        "Against the rules: too many messages a minute, bad ones, or a token that no longer counts.",
        "Mend the client first, or its token.",
        reconnect=False,
    ),
    _closing(CloseCode.TOO_LARGE, "What you sent is too large.", _MEND, reconnect=False),
    _closing(
        CloseCode.INTERNAL,
        "A fault of the server, whose log tells more; or no pong was heard in time.",
        _LATER,
        reconnect=True,
    ),
    _closing(
        CloseCode.RESTART,
        "The server restarts, or the database's history is another one.",
        _AS_ADVISED,
        reconnect=True,
    ),
    _closing(
        CloseCode.TRY_AGAIN,
        "The server is at capacity, or the database is away.",
        _AS_ADVISED,
        reconnect=True,
    ),
    _closing(
        CloseCode.STREAM_NOT_FOUND,
        "There is no such stream.",
        "Ask for another stream, or wait until this one is there.",
        reconnect=False,
    ),
    _closing(CloseCode.TOO_SLOW, "You read too slowly.", _AS_ADVISED, reconnect=True),
)
"""All codes that the server sends, in their order. Any other end is the network's: reconnect with `since`."""
