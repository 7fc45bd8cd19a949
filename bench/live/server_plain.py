"""
The bare fan-out: uvloop, and `transport.write` of one and the same frame to every transport. Nothing else.

The handshake is done by hand, and whatever a client says afterwards is thrown away. `python -m bench.live.server_plain
PAYLOAD`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import cast

import uvloop
from bench.live.frames import END_OF_HEAD, server_frame, upgrade_answer
from bench.live.serving import BACKLOG, bind, open_control


class Listener(asyncio.Protocol):
    """One connection."""

    def __init__(self, transports: set[asyncio.Transport]) -> None:
        self._transports = transports
        self._head: bytes | None = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._head is None:
            return
        self._head += data
        if END_OF_HEAD in self._head:
            self._head = None
            self._transport.write(upgrade_answer())
            self._transports.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transports.discard(self._transport)


async def serve(payload: bytes) -> None:
    """Serve until the process is ended."""
    transports: set[asyncio.Transport] = set()
    frame = server_frame(payload)

    async def publish(messages: int, large: bool) -> float:  # noqa: FBT001, ARG001  (as the control door calls it)
        before = time.monotonic()
        for _ in range(messages):
            for transport in transports:
                transport.write(frame)
        return before

    listener = bind()
    server = await asyncio.get_running_loop().create_server(
        lambda: Listener(transports), sock=listener, backlog=BACKLOG
    )
    async with server, await open_control(publish, listener):
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1].encode()))
