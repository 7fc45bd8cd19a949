"""Taking the address that is served at, and what to say when it can't be had."""

from __future__ import annotations

import errno
import socket
from typing import Final

_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)


class CannotListen(Exception):
    """The address can't be taken; the message says why, `advice` what to do."""

    def __init__(self, host: str, port: int, error: OSError | UnicodeError) -> None:
        reason = (isinstance(error, OSError) and error.strerror) or error
        super().__init__(f"Can't listen on {host}, port {port}: {reason}.")
        self.is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        self.advice = _advice(error)


def bind(host: str, port: int, *, backlog: int | None = None) -> socket.socket:
    """
    Return a socket at this address that listens; without a `backlog`, one that only keeps others from it.

    Raises:
        CannotListen: the address is another program's, not this machine's, or none.

    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
    except (OSError, UnicodeError) as error:
        raise CannotListen(host, port, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        if backlog is not None:
            listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise CannotListen(host, port, error) from error
    return listener


def own_url(host: str, port: int) -> str:
    """Return the URL at which a server that listens on `host` is asked from this machine."""
    asked = _ANY_ADDRESS.get(host, host)
    return f"http://[{asked}]:{port}" if ":" in asked else f"http://{asked}:{port}"


def _advice(error: OSError | UnicodeError) -> str:
    # No port helps where the name is unknown, no name at all (UnicodeError), or another machine's.
    if isinstance(error, (socket.gaierror, UnicodeError)) or error.errno == errno.EADDRNOTAVAIL:
        return "Name an address of this machine with --host or HOST."
    return "Choose another port with --port or PORT."
