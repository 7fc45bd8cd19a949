"""A TCP proxy between a client and a server, for faults that leave no trace: it stops to forward, dawdles, or hangs up."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class Proxy:
    """
    Forwards what comes to its own port, on 127.0.0.1, to the server's, while it is open (as an async context manager).

    A frozen connection stays open and carries nothing more, in either direction, until it is thawed.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        """So long it holds back each piece that it is sent from now on; those behind it wait too."""
        self._server_address = (host, port)
        self._listening: asyncio.Server | None = None
        self._streams: set[asyncio.StreamWriter] = set()
        self._to_server: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._gate = _open_gate()

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()
        for pump in self._pumps:
            pump.cancel()
        if self._pumps:
            await asyncio.wait(self._pumps)

    @property
    def server_ports(self) -> set[int]:
        """The ports that the server sees its clients come from."""
        names = (stream.get_extra_info("sockname") for stream in self._to_server)
        return {name[1] for name in names if name}

    def freeze(self, *, new_ones_too: bool = False) -> None:
        """Stop to forward on the connections that there are, or on any."""
        self._gate.clear()
        if not new_ones_too:
            self._gate = _open_gate()

    def thaw(self) -> None:
        """Forward again on the connections that were frozen together with new ones."""
        self._gate.set()

    async def cut(self) -> None:
        """Hang up, and take no more calls."""
        if self._listening:
            self._listening.close()
            self._listening = None
        for stream in tuple(self._streams):
            stream.transport.abort()

    async def restore(self) -> None:
        """Take calls again, on the same port."""
        self._listening = await asyncio.start_server(self._call, "127.0.0.1", self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gate = self._gate
        self._streams.add(writer)
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._server_address)
        except OSError:
            writer.transport.abort()
            self._streams.discard(writer)
            return
        self._streams.add(server_writer)
        self._to_server.add(server_writer)
        for source, target in ((reader, server_writer), (server_reader, writer)):
            pump = asyncio.create_task(self._pump(source, target, gate))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                await gate.wait()
                await asyncio.sleep(self.delay_seconds)
                target.write(data)
                await target.drain()
        await gate.wait()
        target.close()
        self._streams.discard(target)
        self._to_server.discard(target)


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate
