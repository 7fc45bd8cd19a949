"""A proxy that has a service below a prefix: what it passes on, it passes on without."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


@asynccontextmanager
async def prefixed(url: str, prefix: str) -> AsyncIterator[str]:
    """Yield an address below which the service is."""
    there = urlsplit(url)
    asked = re.compile(rf"^([A-Z]+) {re.escape(prefix)}(?=/)".encode())
    open_now: set[asyncio.Task[None]] = set()

    async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_asking: bool) -> None:
        try:
            with suppress(ConnectionError):
                while data := await reader.read(1 << 16):
                    # Each request of a browser begins a piece of its own.
                    writer.write(asked.sub(rb"\1 ", data) if is_asking else data)
                    await writer.drain()
        finally:
            writer.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(there.hostname, there.port)
        for way in (passing(reader, forth, is_asking=True), passing(back, writer, is_asking=False)):
            task = asyncio.create_task(way)
            open_now.add(task)
            task.add_done_callback(open_now.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{prefix}"
    finally:
        server.close()
        ends = list(open_now)
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
