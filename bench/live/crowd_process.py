"""A crowd in a process of its own, on the clients' core."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final, cast

from bench.live.cores import client_core, require_files
from bench.live.crowd import Crowd, Round
from bench.live.servers import Server
from bench.live.staller import Unread

_PATIENCE_SECONDS: Final = 600.0
_OPENING_SECONDS: Final = 240.0


class CrowdFailed(Exception):
    """What was measured came to nothing; the text says why."""


class CrowdProcess:
    """Asks the crowd of one server in the other process; each method is the crowd's own."""

    def __init__(self, server: Server, connection: Connection) -> None:
        self.server = server
        self._connection = connection

    def open(self, listeners: int) -> float:
        """Connect listeners, and return how long it took."""
        require_files(listeners)
        server = self.server
        seconds = self._ask(
            "open",
            server.address,
            server.path,
            listeners=listeners,
            opening_messages=server.opening_messages,
            within_seconds=_OPENING_SECONDS,
        )
        return cast("float", seconds)

    def publish_through_server(self) -> None:
        """Connect to the server's door for messages."""
        self._ask("publish_through", self.server.publisher)

    def run(
        self,
        publications: int,
        *,
        messages: int = 1,
        together: bool = True,
        large: bool = False,
        every_seconds: float = 0.0,
    ) -> Round:
        """Publish, and measure."""
        done = self._ask(
            "run",
            publications,
            messages=messages,
            together=together,
            large=large,
            every_seconds=every_seconds,
        )
        return cast("Round", done)

    def sample(self) -> str:
        """Return the last message."""
        return cast("bytes", self._ask("sample")).decode()

    def idle(self, seconds: float) -> None:
        """Let the listeners do nothing."""
        self._ask("idle", seconds)

    def stall(self) -> None:
        """Add a listener that never reads."""
        self._ask("stall", self.server.address, self.server.path)

    def end_stall(self) -> Unread:
        """Take it away again."""
        return cast("Unread", self._ask("end_stall"))

    def begin_watch(self, messages: int) -> None:
        """Wait, over there, for messages that are published by other ways."""
        self._connection.send(("watch", (messages,), {}))

    def end_watch(self) -> float:
        """Return when the last listener had them."""
        return cast("float", self._answer("watch"))

    def _ask(self, name: str, *arguments: Any, **named: Any) -> Any:
        self._connection.send((name, arguments, named))
        return self._answer(name)

    def _answer(self, name: str) -> Any:
        if not self._connection.poll(_PATIENCE_SECONDS):
            raise CrowdFailed(f"{self.server.name}: no answer to {name}")
        try:
            succeeded, result = self._connection.recv()
        except EOFError:
            raise CrowdFailed(f"{self.server.name}: the client died at {name}") from None
        if not succeeded:
            raise CrowdFailed(f"{self.server.name}: {name}: {result}")
        return result


@contextmanager
def crowd_of(server: Server) -> Iterator[CrowdProcess]:
    """Run a crowd for a server."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, client_core()), daemon=True)
    process.start()
    theirs.close()
    try:
        yield CrowdProcess(server, ours)
    finally:
        ours.close()
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(connection: Connection, core: int) -> None:
    """Do what is asked until nobody can ask any more."""
    os.sched_setaffinity(0, {core})
    crowd = Crowd()
    while True:
        try:
            name, arguments, named = connection.recv()
        except EOFError:
            return
        try:
            answer = True, getattr(crowd, name)(*arguments, **named)
        except Exception as error:  # noqa: BLE001  (told to the process that asked)
            answer = False, f"{type(error).__name__}: {error}"
        connection.send(answer)
