"""The names of our own headers, and how a header is read from a request."""

from __future__ import annotations

from typing import Final

from telemetra.entrypoints.asgi import ReadScope

POSITION: Final = "Telemetra-Position"
"""What an answer includes; in a request, what its answer must include."""
REQUEST_ID: Final = "X-Request-ID"


def headers_named(scope: ReadScope, name: bytes) -> list[str]:
    """Return every value that the request has under a name (in small letters)."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def header(scope: ReadScope, name: bytes) -> str | None:
    """Return the one value that the request has under a name; None where it has none, or contradicts itself."""
    values = headers_named(scope, name)
    return values[0] if len(values) == 1 else None
