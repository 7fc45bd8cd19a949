"""A WebSocket client of bytes: any handshake, any frame, well-formed or not, and what comes back."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.e2e.hostile.wire import PATIENCE_SECONDS, Answer, Connection, Target, strict_json

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_MASK = b"\x9d\x01\xa7\x55"
_16_BITS, _64_BITS = 126, 127


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    masked: bool = True,
    reserved: int = 0,
    claims_bytes: int | None = None,
) -> bytes:
    """Return a frame (RFC 6455, section 5.2); one that `claims_bytes` has a length that is a lie."""
    length = len(payload) if claims_bytes is None else claims_bytes
    head = struct.pack("B", final << 7 | reserved << 4 | opcode)
    mask_bit = masked << 7
    if length < _16_BITS:
        head += struct.pack("B", mask_bit | length)
    elif length < 1 << 16:
        head += struct.pack(">BH", mask_bit | _16_BITS, length)
    else:
        head += struct.pack(">BQ", mask_bit | _64_BITS, length)
    if not masked:
        return head + payload
    repeated = (_MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (
        head
        + _MASK
        + (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")
    )


def handshake(
    path: bytes = b"/ws/live/demo",
    *more: bytes,
    method: bytes = b"GET",
    version: bytes = b"HTTP/1.1",
    lines: tuple[bytes, ...] = (
        b"Host: telemetra.test",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ),
    without: bytes = b"\0",
) -> bytes:
    """Return a handshake: the usual lines but for those that begin with `without`, and more."""
    kept = [line for line in lines if not line.startswith(without)]
    return b"\r\n".join([method + b" " + path + b" " + version, *kept, *more, b"", b""])


@dataclass(frozen=True, slots=True)
class Ended:
    """How a conversation ended; the code of a close frame, None where there was none."""

    code: int | None
    reason: str
    messages: list[dict[str, Any]]
    """What came before."""


class RawListener:
    """An accepted socket."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.send = connection.send

    async def next(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload."""
        return await asyncio.wait_for(self._read(), PATIENCE_SECONDS)

    async def message(self) -> dict[str, Any]:
        """Return the next message; pongs are passed over."""
        while True:
            opcode, payload = await self.next()
            if opcode != PONG:
                assert opcode == TEXT, (opcode, payload)
                return dict(strict_json(payload))

    async def end(self) -> Ended:
        """Read until the server closes."""
        messages: list[dict[str, Any]] = []
        try:
            while True:
                opcode, payload = await self.next()
                if opcode == CLOSE:
                    code = int.from_bytes(payload[:2], "big") if payload else None
                    return Ended(code, payload[2:].decode(), messages)
                if opcode == TEXT:
                    messages.append(strict_json(payload))
        except (asyncio.IncompleteReadError, ConnectionError):
            return Ended(None, "", messages)

    async def _read(self) -> tuple[int, bytes]:
        reader = self._connection.reader
        first, second = await reader.readexactly(2)
        assert not second & 0x80, "a server masks nothing"
        length = second
        if length == _16_BITS:
            (length,) = struct.unpack(">H", await reader.readexactly(2))
        elif length == _64_BITS:
            (length,) = struct.unpack(">Q", await reader.readexactly(8))
        return first & 0x0F, await reader.readexactly(length)


@asynccontextmanager
async def listening(
    target: Target, path: bytes = b"/ws/live/demo", *more: bytes
) -> AsyncIterator[RawListener]:
    """Shake hands and listen."""
    async with target.connected() as connection:
        await connection.send(handshake(path, *more))
        answer = await connection.answer(has_body=False)
        assert answer.status == 101, answer
        yield RawListener(connection)


async def shaken(target: Target, data: bytes) -> Answer:
    """Return the answer to a handshake."""
    return await target.ask(data, has_body=not data.startswith(b"HEAD"))
