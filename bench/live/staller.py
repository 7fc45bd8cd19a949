"""The listener that never reads."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.live.frames import upgrade_request
from bench.live.publishing import Address

_RECEIVE_BYTES: Final = 4096
_PATIENCE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Unread:
    """What a listener that stalls left in the kernel: at its own end, and at the server's."""

    client_bytes: int
    server_bytes: int

    @property
    def bytes(self) -> int:
        """Both together."""
        return self.client_bytes + self.server_bytes


class Staller:
    """Connects, sees that it is in, and reads nothing. Its receive buffer is small, so that it stalls soon."""

    def __init__(self, address: Address, path: str) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(_PATIENCE_SECONDS)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._socket.connect(address)
        self._socket.sendall(upgrade_request(path))
        wanted = b"HTTP/1.1 101"
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (head := self._socket.recv(len(wanted), socket.MSG_PEEK)).startswith(wanted):
            if not wanted.startswith(head) or time.monotonic() > deadline:
                raise ConnectionError(f"the handshake was refused: {head!r}")

    def unread(self) -> Unread:
        """Return what waits."""
        waiting = fcntl.ioctl(self._socket.fileno(), termios.FIONREAD, bytes(4))
        return Unread(struct.unpack("i", waiting)[0], _send_queue(self._socket.getsockname()[1]))

    def close(self) -> None:
        """Leave."""
        self._socket.close()


def _send_queue(client_port: int) -> int:
    """Return what the server's end holds for this port, by /proc/net/tcp."""
    wanted = f":{client_port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, _, queues, *_ = line.split()
        if remote.endswith(wanted):
            return int(queues.partition(":")[0], 16)
    return 0
