"""
What the documents tell of a WebSocket: how to reach it, what is said on it, and how it ends.

OpenAPI has no words for most of it, AsyncAPI has; both are told the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from telemetra.entrypoints.http.schemas import SchemaUnion


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketMessage:
    """One type of message. Its schema is that of its examples' type, which is what is encoded."""

    name: str
    """What `type` says on the wire."""
    title: str
    examples: Mapping[str, Struct]
    """At least one, by what it is an example of; all of one type."""

    @property
    def kind(self) -> type[Struct]:
        """What is encoded."""
        return type(next(iter(self.examples.values())))


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketClosing:
    """A code that the server closes with."""

    code: int
    name: str
    meaning: str
    reconnect: bool
    """Whether coming back makes sense, without anybody having mended anything."""
    advises_pause: bool
    """Whether the close reason says after how long."""
    advice: str
    """What a client does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketDocumentation:
    """One WebSocket of the service."""

    name: str
    """The channel's, for programs."""
    tag: str
    title: str
    path: str
    description: str
    path_parameters: Mapping[str, Mapping[str, Any]]
    """Of each its description and examples."""
    query: Mapping[str, Mapping[str, Any]]
    """The schema of each parameter, by its name."""
    told: Sequence[SocketMessage]
    """What the server sends."""
    union: SchemaUnion
    """The types of `told`."""
    heard: Sequence[SocketMessage]
    """What a client may send."""
    answers: Mapping[str, str]
    """Which message of the server answers which of the client, by their names."""
    closings: Sequence[SocketClosing]
