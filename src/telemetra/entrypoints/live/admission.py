"""Who may listen: which pages' scripts, and how many at a time."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import SplitResult, urlsplit

from telemetra.entrypoints.live.ending import TOO_MANY_OF_ADDRESS, no_room

_FILES_FOR_OTHERS: Final = 256
"""Requests, the database, Redis, and those who are just being told that there is no room."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Admission:
    """
    Counts the listeners of this process, and those of each address.

    There are never more than leave some of the process's open files to others: a listener too many can be told so, but a
    connection that can't be accepted is told nothing, and neither is the next request.
    """

    def __init__(self, *, max_listeners: int, max_per_address: int, open_files: int | None = None) -> None:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if open_files is None else open_files
        self.max_listeners = most_listeners(max_listeners, open_files=files)
        self._max_per_address = max_per_address
        self._listeners = 0
        self._by_address: Counter[str] = Counter()

    @contextmanager
    def admit(self, address: str) -> Iterator[None]:
        """
        Hold one listener's place.

        Raises:
            ListenerEnded: there is none.

        """
        if self._listeners >= self.max_listeners:
            raise no_room("The server has as many listeners as it takes.")
        if self._by_address[address] >= self._max_per_address:
            raise no_room("Your address has as many listeners as it may have.", TOO_MANY_OF_ADDRESS)
        self._listeners += 1
        self._by_address[address] += 1
        try:
            yield
        finally:
            self._listeners -= 1
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


def most_listeners(wanted: int, *, open_files: int) -> int:
    """Return how many listeners a process takes that may have so many open files."""
    return (
        wanted
        if open_files == resource.RLIM_INFINITY
        else min(wanted, max(1, open_files - _FILES_FOR_OTHERS))
    )


def is_origin_allowed(
    origins: Sequence[str], *, host: str | None, secure: bool, allowed: Sequence[str]
) -> bool:
    """
    Whether a page of this origin may open a socket here; `origins` are the request's Origin headers.

    A browser sends its page's origin and the user's cookies with the handshake, and no CORS rule stops it: the server
    has to. Programs send no Origin and are welcome. Allowed are the server's own origin and `allowed`.
    """
    if not origins or "*" in allowed:
        return True
    if len(origins) > 1:
        return False
    origin = origins[0].strip().lower()
    return origin in {known.lower() for known in allowed} or _is_same(origin, host, secure=secure)


def _is_same(origin: str, host: str | None, *, secure: bool) -> bool:
    """
    Whether the origin is the server's own, by the Host header.

    Behind a proxy that ends TLS the server can't see that the page came by https; what it can refuse is a page that
    came in the clear when the socket did not.
    """
    try:
        page = urlsplit(origin)
        server = urlsplit(f"{page.scheme}://{(host or '').strip().lower()}")
        if page.scheme not in _DEFAULT_PORTS or (secure and page.scheme != "https"):
            return False
        # No browser tells a user's name in either, and where one stands the host is another than it seems.
        is_plain = "@" not in page.netloc + server.netloc
        return (
            is_plain and bool(page.hostname) and _netloc(page) == _netloc(server) and page.path in {"", "/"}
        )
    except ValueError:
        return False


def _netloc(parts: SplitResult) -> tuple[str | None, int | None]:
    return parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
