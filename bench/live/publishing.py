"""How the client makes a server send: over a connection that it holds, so that one clock sees both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

Address = tuple[str, int]


class Publisher(Protocol):
    """A door to publish through."""

    @property
    def address(self) -> Address:
        """Where to connect."""
        ...

    @property
    def stamps(self) -> bool:
        """Whether every request is answered by a `STAMP`: when the server was about to write."""
        ...

    def request(self, messages: int, *, large: bool) -> bytes:
        """Return what to write so that every listener gets this many messages."""
        ...


@dataclass(frozen=True, slots=True)
class ControlPublisher:
    """The control door of the benchmark's own servers: one line, answered by the time before the first write."""

    address: Address
    stamps: bool = True

    def request(self, messages: int, *, large: bool) -> bytes:
        return f"{messages} {int(large)}\n".encode()


@dataclass(frozen=True, slots=True)
class HttpPublisher:
    """POST requests on a kept connection, as nchan takes messages."""

    address: Address
    path: str
    payload: str
    stamps: bool = False

    def request(self, messages: int, *, large: bool) -> bytes:
        if large:
            raise ValueError("only the one payload is published")
        body = self.payload.encode()
        head = f"POST {self.path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n"
        return (head.encode() + body) * messages
