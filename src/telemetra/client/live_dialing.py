"""Dialing: how a connection to the live socket is opened, whichever way it is driven."""

from __future__ import annotations

from typing import Any, Final

from websockets.uri import parse_uri

from telemetra.client.access import Access
from telemetra.client.addresses import is_loopback
from telemetra.client.live_endings import OPEN_SECONDS

_PING_SECONDS: Final = 20.0
_CLOSE_SECONDS: Final = 1.0
"""How long a polite end may take; Ctrl-C waits for it."""


def dialing_options(url: str, access: Access) -> dict[str, Any]:
    """
    Return what `websockets` is to be told, of asyncio or of threads.

    Raises:
        TokenInvalid: no header can carry the token.

    """
    where = parse_uri(url)
    # Where none is given, the library makes its own; `None` would mean none at all.
    trust = {"ssl": access.ssl_context} if where.secure and access.ssl_context else {}
    return {
        **trust,
        "compression": None,
        "max_size": None,
        "open_timeout": OPEN_SECONDS,
        "ping_interval": _PING_SECONDS,
        "ping_timeout": _PING_SECONDS,
        "close_timeout": _CLOSE_SECONDS,
        "proxy": None if is_loopback(where.host) else True,
        "additional_headers": access.headers() or None,
    }
