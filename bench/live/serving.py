"""What the benchmark's own servers share: the control door, and how they tell where they are and when they end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from typing import Final

HOST: Final = "127.0.0.1"
BACKLOG: Final = 2048
"""As `telemetra serve` has it."""
STAMP: Final = struct.Struct("<d")
"""The answer at the control door: `time.monotonic()`, which all processes of a machine share."""

Publish = Callable[[int, bool], Awaitable[float]]
"""From a number of messages, large or not, to the time just before the first was written."""


def bind() -> socket.socket:
    """Take a free port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, 0))
    listener.listen(BACKLOG)
    return listener


async def open_control(publish: Publish, listener: socket.socket) -> asyncio.Server:
    """Open the control door, print where both doors are, and end with the process that started this one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            messages, large = line.split()
            writer.write(STAMP.pack(await publish(int(messages), large == b"1")))
        writer.close()

    control = await asyncio.start_server(serve, HOST, 0)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _leave)
    ports = {"port": listener.getsockname()[1], "control": control.sockets[0].getsockname()[1]}
    print(json.dumps(ports), flush=True)
    return control


def _leave() -> None:
    """End at once: standard input is a pipe that nothing is written to, so it was closed."""
    os._exit(0)
