"""The little of RFC 6455 that the benchmark needs, in both directions."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
FIN: Final = 0x80
KEY: Final = b"AAAAAAAAAAAAAAAAAAAAAA=="
END_OF_HEAD: Final = b"\r\n\r\n"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127


def upgrade_request(path: str) -> bytes:
    """Return what a client begins with; no extensions are offered."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY.decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def upgrade_answer() -> bytes:
    """Return what a server answers."""
    accept = base64.b64encode(hashlib.sha1(KEY + _GUID).digest())  # noqa: S324  (as the RFC wants it)
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + END_OF_HEAD
    )


def server_frame(payload: bytes) -> bytes:
    """Return a whole text frame, as a server sends it."""
    length = len(payload)
    if length < _TWO_BYTES:
        return bytes((FIN | TEXT, length)) + payload
    if length < 1 << 16:
        return bytes((FIN | TEXT, _TWO_BYTES)) + length.to_bytes(2) + payload
    return bytes((FIN | TEXT, _EIGHT_BYTES)) + length.to_bytes(8) + payload


def client_pong(payload: bytes) -> bytes:
    """Return a client's answer to a ping; masked with zeros, which leaves it as it is."""
    return bytes((FIN | PONG, FIN | len(payload))) + bytes(4) + payload


class FrameReader:
    """Cuts what one server sends into frames, whatever pieces it comes in."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes | memoryview) -> list[tuple[int, bytes]]:
        """Take a piece; return the frames that are whole now, each as opcode and payload."""
        kept = self._kept
        kept += data
        frames = []
        at = 0
        while (end := _frame_end(kept, at)) is not None:
            start, stop = end
            frames.append((kept[at] & 0x0F, bytes(kept[start:stop])))
            at = stop
        del kept[:at]
        return frames


def _frame_end(data: bytearray, at: int) -> tuple[int, int] | None:
    """Return where the payload of the frame at a place begins and ends, if all of it is there."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1], at + 2
    if length == _TWO_BYTES:
        length, start = int.from_bytes(data[at + 2 : at + 4]), at + 4
    elif length == _EIGHT_BYTES:
        length, start = int.from_bytes(data[at + 2 : at + 10]), at + 10
    return (start, start + length) if len(data) >= max(start, start + length) else None
