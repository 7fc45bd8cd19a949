"""What the run and its crowds speak over: whole objects, both ways, and neither waits for the other."""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from typing import Any, Final

_LENGTH: Final = struct.Struct("!Q")


class Wire:
    """One end between the two processes; whole objects go over it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Wire:
        """Take one end of a pair of sockets."""
        return cls(*await asyncio.open_connection(sock=end))

    def send(self, thing: object) -> None:
        """Send; nobody waits for it to be out."""
        data = pickle.dumps(thing)
        self._writer.write(_LENGTH.pack(len(data)) + data)

    async def receive(self) -> Any:
        """
        Return what comes next.

        Raises:
            EOFError: the other end is gone.

        """
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return pickle.loads(await self._reader.readexactly(length))  # noqa: S301  (of our own other process)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EOFError from error

    def close(self) -> None:
        """Let go."""
        self._writer.close()
