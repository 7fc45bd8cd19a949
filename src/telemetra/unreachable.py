"""Why a server can't be reached, in people's words and not in a library's; knows nothing of what the server is for."""

from __future__ import annotations

import os
import re
import socket
import ssl
from typing import Final

from telemetra.tls import chain

_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")
"""How the loop tells of several addresses of one name, none of which was reached: in one error without a number."""


def reason_of(error: BaseException) -> str:
    """Return in a few words, without a full stop, what came in between: what the system said, or else the error itself."""
    causes = list(chain(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return f"there is no such host ({cause.strerror or cause})"
        # What TLS says has numbers of its own, and a wait that was given up none.
        if (
            isinstance(cause, OSError)
            and not isinstance(cause, (TimeoutError, ssl.SSLError))
            and (said := _said(cause))
        ):
            return said
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return "no answer in time"
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _said(error: OSError) -> str | None:
    numbers = [error.errno] if error.errno else map(int, _NUMBER.findall(str(error)))
    said = [_lowered(os.strerror(number)) for number in numbers if number > 0]
    return ", ".join(dict.fromkeys(said)) or None


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
