"""
Paths as the client sent them: an ASGI layer that routes on the raw path, and the decoding of one segment.

Servers decode the path before the application sees it: `%2F` becomes a slash, invalid UTF-8 another text. A stream's id
may hold any character, so routing goes by the path as it was sent, and only a segment is decoded, strictly.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from telemetra.domain.errors import ParameterInvalid
from telemetra.entrypoints.asgi import App, ReadScope, Receive, Scope, Send

MAX_STREAM_ID_BYTES: Final = 512

OPERATORS_PATHS: Final = frozenset({"/health", "/api/v1/health", "/metrics"})
"""Those who ask there have an address and no name, and no token; nothing of the data is there."""

_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_LEFT_ALONE: Final = "/:@!$&'()*+,;=~"
_REMEMBERED: Final = 1_000
_LONGEST_REMEMBERED: Final = 512
_EMPTY_SEGMENT: Final = "%"
"""Stands for nothing between two slashes: it decodes to no id, where the router would close the gap."""


class RawPaths:
    """The layer: requests are routed on the path in its one canonical spelling, still encoded."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] in {"http", "websocket"}:
            # Servers may leave it out, and the router changes the path.
            scope["path"], scope["raw_path"] = canonical_path(scope), sent_path(scope).encode()
            # It is no part of the path any more; the router would look for it anywhere.
            scope["root_path"] = ""
        await self._app(scope, receive, send)


def sent_path(scope: ReadScope) -> str:
    """Return the path of a request as it was sent, below where the application is, in nothing but printable ASCII."""
    raw: bytes | None = scope.get("raw_path")
    root: str = scope.get("root_path") or ""
    if root:
        raw = _below(raw or quote(scope["path"], safe=_LEFT_ALONE).encode(), root.rstrip("/").encode())
    if raw and len(raw) <= _LONGEST_REMEMBERED:
        return _printable(raw)
    return _printable.__wrapped__(raw) if raw else _quoted(quote(scope["path"], safe=_LEFT_ALONE))


def canonical_path(scope: ReadScope) -> str:
    """Return the path that a request is routed on: equivalent spellings made one (RFC 3986, section 6.2.2)."""
    sent = sent_path(scope)
    return (_canonical if len(sent) <= _LONGEST_REMEMBERED else _canonical.__wrapped__)(sent)


def _below(raw: bytes, root: bytes) -> bytes:
    """Return what is below a prefix that the server, or who mounted the application, has put before the path."""
    is_below = raw.startswith(root) and raw[len(root) : len(root) + 1] in {b"/", b""}
    return (raw[len(root) :] or b"/") if is_below else raw


@lru_cache(_REMEMBERED)
def _printable(raw: bytes) -> str:
    return _quoted(raw.decode("latin-1").partition("?")[0])


def _quoted(sent: str) -> str:
    return quote(sent, safe="%" + _LEFT_ALONE, encoding="latin-1")


@lru_cache(_REMEMBERED)
def _canonical(sent: str) -> str:
    # Beside a broken escape a decoded letter would make a whole one: `%6%63` is no `%6c`.
    path = sent if _BROKEN_ESCAPE.search(sent) else _ESCAPE.sub(_canonical_escape, sent)
    while "//" in path:
        path = path.replace("//", f"/{_EMPTY_SEGMENT}/")
    return path


def decode_stream_id(segment: str) -> str:
    """
    Return the id that a path's segment spells.

    Raises:
        ParameterInvalid: it spells none, or one that no stream can have.

    """
    if segment == _EMPTY_SEGMENT:
        raise ParameterInvalid("stream_id", "It is empty.")
    if _BROKEN_ESCAPE.search(segment):
        raise ParameterInvalid("stream_id", "A % must be followed by two hexadecimal digits; write % as %25.")
    encoded = unquote_to_bytes(segment)
    if len(encoded) > MAX_STREAM_ID_BYTES:
        raise ParameterInvalid("stream_id", f"It is longer than {MAX_STREAM_ID_BYTES} bytes.")
    if b"\0" in encoded:
        raise ParameterInvalid("stream_id", "It holds a NUL character.")
    try:
        return encoded.decode()
    except UnicodeDecodeError as error:
        raise ParameterInvalid("stream_id", "It is not valid UTF-8.") from error


def _canonical_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()
