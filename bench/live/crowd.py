"""
Many listeners in one process, the same for every server: raw sockets, epoll, and one buffer that all of them read into.

While it is measured nothing is parsed but what one witness gets; of all others bytes are counted, and must come out
exactly as the witness's.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass, field
from typing import Final

from bench.live.figures import percentile
from bench.live.frames import TEXT, FrameReader, upgrade_request
from bench.live.listener import Listener, ListenerLost
from bench.live.publishing import Address, Publisher
from bench.live.serving import STAMP
from bench.live.staller import Staller, Unread

_PATIENCE_SECONDS: Final = 60.0
"""How long one publication may take to reach everybody."""
_BATCH: Final = 128
"""Events taken at a time: few enough that their common time stamp is of a fraction of a millisecond."""
_OPENING: Final = 200
"""Handshakes at a time."""
_BUFFER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """One publication: when it was asked for, when the last listener had it, and what the client waited in between."""

    published_at: float
    last_at: float
    idle_seconds: float
    received_at: list[float]
    bytes_each: int
    server_at: float | None = None
    """When the server was about to write, where it tells."""


@dataclass(slots=True)
class Round:
    """Publications, one after the other."""

    seconds: list[float] = field(default_factory=list)
    """From asking for it to the last listener's receipt, of each."""
    server_seconds: list[float] = field(default_factory=list)
    """The same from the server's own stamp; empty where it has none."""
    bytes_each: int = 0
    """What every listener got."""
    idle_share: float = 0.0
    """Of these times, what the client spent waiting for something to read: when this is 0 it was the bottleneck."""
    delivery_p50: float = 0.0
    delivery_p99: float = 0.0
    """Over all listeners and publications, from asking to receipt."""


class Crowd:
    """The listeners of one server. Every wait has an end; whatever is not as it should be raises."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._listeners: dict[int, Listener] = {}
        self._publishing: tuple[socket.socket, Publisher] | None = None
        self._staller: Staller | None = None
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._last_payload = b""

    def open(
        self, address: Address, path: str, *, listeners: int, opening_messages: int, within_seconds: float
    ) -> float:
        """Connect so many more listeners, and return how long that took; all have their opening messages then."""
        began = time.monotonic()
        request = upgrade_request(path)
        waiting: set[int] = set()
        to_come = iter(range(len(self._listeners), len(self._listeners) + listeners))
        number = next(to_come, None)
        while number is not None or waiting:
            while number is not None and len(waiting) < _OPENING:
                listener = Listener(number, address, request, opening_messages)
                self._listeners[listener.socket.fileno()] = listener
                self._epoll.register(listener.socket.fileno(), select.EPOLLOUT)
                waiting.add(listener.socket.fileno())
                number = next(to_come, None)
            self._attend(1.0)
            waiting -= {fd for fd in waiting if self._listeners[fd].ready}
            if time.monotonic() - began > within_seconds:
                raise TimeoutError(f"{len(waiting)} handshakes hang, {len(self._listeners)} were begun")
        return time.monotonic() - began

    def publish_through(self, publisher: Publisher) -> None:
        """Connect to where this crowd's server takes messages."""
        connection = socket.create_connection(publisher.address, timeout=_PATIENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._publishing = connection, publisher

    def idle(self, seconds: float) -> None:
        """Do nothing but what a listener must: read, and answer pings."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._attend(left)

    def run(
        self,
        publications: int,
        *,
        messages: int = 1,
        together: bool = True,
        large: bool = False,
        every_seconds: float = 0.0,
    ) -> Round:
        """
        Publish and wait for the last listener, so many times; each begins when the one before is over.

        A publication is `messages` messages, in one request (`together`) or in as many without waiting for anything.
        """
        done = Round()
        received: list[float] = []
        idle_seconds = 0.0
        due = time.monotonic()
        for _ in range(publications):
            time.sleep(max(0.0, due - time.monotonic()))
            due += every_seconds
            delivery = self._deliver(messages, self._requests(messages, together=together, large=large))
            done.seconds.append(delivery.last_at - delivery.published_at)
            if delivery.server_at is not None:
                done.server_seconds.append(delivery.last_at - delivery.server_at)
            received += [at - delivery.published_at for at in delivery.received_at]
            idle_seconds += delivery.idle_seconds
            done.bytes_each += delivery.bytes_each
        done.idle_share = idle_seconds / sum(done.seconds)
        done.delivery_p50 = percentile(received, 0.5)
        done.delivery_p99 = percentile(received, 0.99)
        return done

    def watch(self, messages: int) -> float:
        """Wait until everybody got so many messages that somebody else publishes; return when the last had them."""
        return self._deliver(messages, []).last_at

    def sample(self) -> bytes:
        """Return the last message, as the witness got it."""
        return self._last_payload

    def stall(self, address: Address, path: str) -> None:
        """Add a listener that never reads."""
        self._staller = Staller(address, path)

    def end_stall(self) -> Unread:
        """Take it away, and return what it left unread."""
        if self._staller is None:
            raise ValueError("nobody stalls")
        try:
            return self._staller.unread()
        finally:
            self._staller.close()
            self._staller = None

    def _attend(self, seconds: float) -> None:
        """Read whatever comes, frame by frame."""
        for fd, event in self._epoll.poll(seconds, _BATCH):
            listener = self._listeners[fd]
            if event & select.EPOLLOUT:
                listener.connected()
                self._epoll.modify(fd, select.EPOLLIN)
            elif data := listener.socket.recv(_BUFFER_BYTES):
                listener.take(data)
            else:
                raise ListenerLost("the server hung up")

    def _requests(self, messages: int, *, together: bool, large: bool) -> list[bytes]:
        if self._publishing is None:
            raise ValueError("there is nowhere to publish")
        publisher = self._publishing[1]
        if together:
            return [publisher.request(messages, large=large)]
        return [publisher.request(1, large=large)] * messages

    def _deliver(self, messages: int, requests: list[bytes]) -> Delivery:
        """Send the requests, and read until every listener has as many bytes as the witness's messages had."""
        fds = list(self._listeners)
        reads = {fd: listener.socket.recv_into for fd, listener in self._listeners.items()}
        counts = dict.fromkeys(fds, 0)
        received_at = dict.fromkeys(fds, 0.0)
        witness = _Witness(messages)
        poll, clock, buffer = self._epoll.poll, time.monotonic, self._buffer
        total, idle_seconds = 0, 0.0
        published_at = clock()
        if self._publishing and requests:
            self._publishing[0].sendall(b"".join(requests))
        while witness.bytes == 0 or total < witness.bytes * len(fds):
            asked = clock()
            events = poll(1.0, _BATCH)
            now = clock()
            idle_seconds += now - asked
            for fd, _ in events:
                got = reads[fd](buffer)
                counts[fd] += got
                total += got
                received_at[fd] = now
                if fd == fds[0]:
                    witness.take(buffer[:got])
                elif got == 0:
                    raise ListenerLost("the server hung up")
            if now - published_at > _PATIENCE_SECONDS:
                raise TimeoutError(
                    f"after {_PATIENCE_SECONDS:.0f} s {total} bytes of {witness.bytes * len(fds)} had come"
                )
        last_at = clock()
        if set(counts.values()) != {witness.bytes}:
            raise ListenerLost("not every listener got the same")
        self._last_payload = witness.payload
        server_at = self._read_stamps(len(requests))
        return Delivery(
            published_at, last_at, idle_seconds, list(received_at.values()), witness.bytes, server_at
        )

    def _read_stamps(self, requests: int) -> float | None:
        """Return the first of the stamps with which the requests were answered, if they are."""
        if self._publishing is None or not requests:
            return None
        connection, publisher = self._publishing
        if not publisher.stamps:
            # What nginx says of it is of no interest, but must not fill the connection.
            connection.recv(_BUFFER_BYTES)
            return None
        answer = b""
        while len(answer) < STAMP.size * requests:
            answer += connection.recv(STAMP.size * requests - len(answer))
        stamp: float = STAMP.unpack_from(answer)[0]
        return stamp


class _Witness:
    """The one listener whose messages are looked at."""

    def __init__(self, messages: int) -> None:
        self._reader = FrameReader()
        self._lacks = messages
        self._so_far = 0
        self.bytes = 0
        """What its messages were on the wire; 0 until all are there."""
        self.payload = b""

    def take(self, data: memoryview) -> None:
        if not data:
            raise ListenerLost("the server hung up")
        self._so_far += len(data)
        for opcode, payload in self._reader.feed(data):
            if opcode != TEXT:
                raise ListenerLost(f"a frame came that nobody asked for: opcode {opcode}, {payload[:200]!r}")
            self._lacks -= 1
            self.payload = payload
        if self._lacks <= 0:
            self.bytes = self._so_far
