"""
Addresses: where a service is, and where in it a read or a live socket is.

Knows what the README says of paths, and nothing of what is found at them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, urlsplit

from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

from telemetra.client.errors import UrlInvalid

_HTTP_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_EXPECTED: Final = "Expected an address such as http://127.0.0.1:8000 or wss://example.org/prefix"


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine: what it says to itself is none of its proxy's business."""
    return host in _LOOPBACK


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service is; a path is kept as a prefix."""

    root: str
    """`http(s)://HOST/PREFIX`, without a slash at the end; it may hold a password."""

    @classmethod
    def parse(cls, base_url: str) -> Self:
        """
        Read an address, `http(s)://` or `ws(s)://`.

        Raises:
            UrlInvalid: it is none.

        """
        try:
            parts = urlsplit(base_url)
            port = parts.port
        except ValueError as error:
            raise UrlInvalid(f"{_EXPECTED}: {error}.") from error
        scheme = _HTTP_SCHEMES.get(parts.scheme)
        if scheme is None or port == 0:
            raise UrlInvalid(f"{_EXPECTED}.")
        if parts.query or parts.fragment or not base_url.isprintable() or " " in base_url:
            raise UrlInvalid(f"{_EXPECTED}, without a query, a fragment or spaces.")
        address = cls(f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}")
        try:
            parse_uri(address.live_url("any"))
        except InvalidURI as error:
            raise UrlInvalid(f"{_EXPECTED}: {error.msg}.") from error
        except ValueError as error:
            raise UrlInvalid(f"{_EXPECTED}: {error}.") from error
        return address

    @property
    def host(self) -> str | None:
        """The host's name or number."""
        return urlsplit(self.root).hostname

    @property
    def has_credentials(self) -> bool:
        """Whether it names a user, and perhaps a password."""
        return "@" in urlsplit(self.root).netloc

    def streams_url(self) -> str:
        """Return the address of the list of streams."""
        return f"{self.root}/api/v1/streams"

    def stream_url(self, stream_id: str, what: str = "") -> str:
        """
        Return the address of a stream, or of something of it.

        Raises:
            ValueError: no address can name such a stream.

        """
        return f"{self.root}/api/v1/streams/{_segment(stream_id)}{what and '/'}{what}"

    def live_url(self, stream_id: str) -> str:
        """
        Return the address of a stream's live socket.

        Raises:
            ValueError: no address can name such a stream.

        """
        return f"ws{self.root.removeprefix('http')}/ws/live/{_segment(stream_id)}"

    def __str__(self) -> str:
        """Return it without what may be a password."""
        scheme, _, rest = self.root.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"


def _segment(stream_id: str) -> str:
    """Return an id as one segment of a path."""
    if not stream_id:
        raise ValueError("stream_id: it is empty, and no address names a stream without an id.")
    try:
        segment = quote(stream_id, safe="")
    except UnicodeEncodeError as error:
        raise ValueError("stream_id: it is not valid Unicode: it holds half of a surrogate pair.") from error
    # A path's own dots would be taken for steps in it.
    return segment.replace(".", "%2E") if segment in {".", ".."} else segment
