"""One listener's connection while somebody looks at every frame: its handshake, its first messages, and idling."""

from __future__ import annotations

import socket
from typing import Final

from bench.live.frames import CLOSE, END_OF_HEAD, PING, TEXT, FrameReader, client_pong
from bench.live.publishing import Address

_OF_ONE_ADDRESS: Final = 8_000
"""Connections from one loopback address: well below the number of its ports."""
_BIND_ADDRESS_NO_PORT: Final = 24
"""IP_BIND_ADDRESS_NO_PORT: the port is chosen when it is known where to, so that ports are not used up."""


class ListenerLost(Exception):
    """A server ended or refused a listener: what is counted from here on means nothing."""


class Listener:
    """A connection that answers pings, and knows when it has got its opening messages."""

    def __init__(self, number: int, address: Address, request: bytes, opening_messages: int) -> None:
        self._request = request
        self._head: bytes | None = b""
        self._reader = FrameReader()
        self._lacks = opening_messages
        self.socket = socket.socket()
        self.socket.setblocking(False)  # noqa: FBT003  (the socket's own signature)
        self.socket.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        self.socket.bind((f"127.0.0.{1 + number // _OF_ONE_ADDRESS}", 0))
        self.socket.connect_ex(address)

    @property
    def ready(self) -> bool:
        """Whether everything came that comes before the first publication."""
        return self._head is None and self._lacks <= 0

    def connected(self) -> None:
        """Begin the handshake."""
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise ListenerLost(f"the connection was refused: error {error}")
        self.socket.send(self._request)

    def take(self, data: bytes) -> None:
        """
        Read a piece of what the server says.

        Raises:
            ListenerLost: it refused the handshake, or closed.

        """
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(END_OF_HEAD)
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise ListenerLost(f"the handshake was refused: {head[:200]!r}")
            self._head = None
        for opcode, payload in self._reader.feed(data):
            if opcode == TEXT:
                self._lacks -= 1
            elif opcode == PING:
                self.socket.send(client_pong(payload))
            elif opcode == CLOSE:
                raise ListenerLost(f"the server closed: {payload[:200]!r}")
