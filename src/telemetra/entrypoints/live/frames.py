"""
What goes out: messages as they are written to sockets, built once for everybody that gets them.

Knows the WebSocket framing of a server's text messages (RFC 6455, section 5.2) and nothing of who reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

_FIN_TEXT: Final = 0x81
_LARGEST_IN_7_BITS: Final = 125
_LARGEST_IN_16_BITS: Final = 0xFFFF
_IN_16_BITS: Final = 126
_IN_64_BITS: Final = 127
"""In place of a short length: it follows, in so many bits."""


class Burst:
    """
    Some messages, to be written together.

    `wire` holds them as whole, unfragmented frames, one after the other.
    """

    __slots__ = ("_messages", "wire")

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self._messages = len(payloads)
        self.wire = b"".join([part for payload in payloads for part in (_header(len(payload)), payload)])

    def __len__(self) -> int:
        """How many messages."""
        return self._messages


def payloads_of(wire: bytes) -> Iterator[bytes]:
    """Yield the messages' texts again, for a server that builds frames itself."""
    at = 0
    while at < len(wire):
        length, at = wire[at + 1], at + 2
        if length > _LARGEST_IN_7_BITS:
            size = 2 if length == _IN_16_BITS else 8
            length, at = int.from_bytes(wire[at : at + size], "big"), at + size
        yield wire[at : at + length]
        at += length


def _header(length: int) -> bytes:
    """Return the header of a server's text frame, which is not masked."""
    if length <= _LARGEST_IN_7_BITS:
        return bytes((_FIN_TEXT, length))
    if length <= _LARGEST_IN_16_BITS:
        return bytes((_FIN_TEXT, _IN_16_BITS)) + length.to_bytes(2, "big")
    return bytes((_FIN_TEXT, _IN_64_BITS)) + length.to_bytes(8, "big")
