"""
The load: connections of one client that each ask again as soon as they have their answer.

Raw sockets and epoll: bytes are counted, nothing is parsed but the first answer, which says how long all are. An answer of
another length, or of another status, ends the run.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from typing import Final

_PATIENCE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Load:
    """What a client got out of a server."""

    answers: int
    seconds: float
    latencies: list[float]
    """Seconds from asking to the last byte, of each answer."""
    idle_seconds: float
    """How long the client waited for something to read: a client that never does measures itself."""

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def latency(self, share: float) -> float:
        """Return the latency that this share of the answers did not exceed, in seconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request(path: str, headers: dict[str, str] | None = None) -> bytes:
    """Return a GET as a client sends it."""
    lines = [f"GET {path} HTTP/1.1", "Host: bench", *(f"{k}: {v}" for k, v in (headers or {}).items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def ask(port: int, asked: bytes) -> tuple[int, bytes, bytes]:
    """Ask once, and return the status, the head and the body."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS) as connection:
        connection.sendall(asked)
        received = b""
        while b"\r\n\r\n" not in received:
            received += _more(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        while len(body) < length:
            body += _more(connection)
        return int(head.split(b" ", 2)[1]), head, body


def load(  # noqa: C901  (one loop, as short as it can be)
    port: int, asked: list[bytes], *, connections: int, seconds: float, length: int | None
) -> Load:
    """
    Ask for a while: each connection the next of `asked`, over and over. `length` is each answer's, where all have one.

    Raises:
        RuntimeError: an answer is not as long as it should be, or does not come.

    """
    epoll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    began_at: dict[int, float] = {}
    left: dict[int, int] = {}
    latencies: list[float] = []
    turn = 0
    buffer = bytearray(1024 * 1024)
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)  # noqa: FBT003
        sockets[connection.fileno()] = connection
        epoll.register(connection.fileno(), select.EPOLLIN)
    clock = time.perf_counter
    start = clock()
    end, idle = start + seconds, 0.0
    for number, connection in sockets.items():
        began_at[number], left[number] = clock(), length or 0
        connection.send(asked[turn % len(asked)])
        turn += 1
    try:
        while (now := clock()) < end:
            events = epoll.poll(_PATIENCE_SECONDS)
            idle += clock() - now
            if not events:
                raise RuntimeError("the server does not answer")
            for number, _ in events:
                connection = sockets[number]
                received = connection.recv_into(buffer)
                if not received:
                    raise RuntimeError("the server hung up")
                if not left[number]:
                    left[number] = _length(bytes(buffer[:received]))
                left[number] -= received
                if left[number] < 0:
                    raise RuntimeError("an answer is longer than it says")
                if left[number] == 0:
                    now = clock()
                    latencies.append(now - began_at[number])
                    began_at[number], left[number] = now, length or 0
                    connection.send(asked[turn % len(asked)])
                    turn += 1
        return Load(len(latencies), clock() - start, latencies, idle)
    finally:
        for connection in sockets.values():
            connection.close()
        epoll.close()


def _length(received: bytes) -> int:
    """Return how long an answer will be, of whose beginning the whole head has come."""
    head, _, _ = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(head.split(b"\r\n")[0].decode())
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return len(head) + 4 + int(fields[b"content-length"])


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(1024 * 1024)
    if not data:
        raise RuntimeError("the server hung up")
    return data
