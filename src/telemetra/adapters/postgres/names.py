"""Looks a server's name up in a thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from threading import Thread


async def look_up(host: str) -> None:
    """
    Return when the resolver knows a name, or knows that there is none: the driver, which asks again, says which.

    A resolver that does not answer is asked for ten seconds and longer. The threads in which the loop itself looks names up
    have to end before the program can: one that was given up in time would hold it up all the same.
    """
    loop = asyncio.get_running_loop()
    known = asyncio.Event()

    def ask() -> None:
        with suppress(OSError, UnicodeError):
            socket.getaddrinfo(host, None)
        # Nobody waits any more where the loop is closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(known.set)

    Thread(target=ask, name="look-up", daemon=True).start()
    await known.wait()
