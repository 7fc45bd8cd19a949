"""When a client that does not keep up has read nothing for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class StallWatch:
    """Calls `on_stall` once nothing was read for `seconds`; a client that reads slowly is given time."""

    __slots__ = ("_on_stall", "_seconds", "_timer", "_unread_bytes")

    def __init__(
        self, seconds: float, *, unread_bytes: Callable[[], int], on_stall: Callable[[], None]
    ) -> None:
        self._seconds = seconds
        self._unread_bytes = unread_bytes
        self._on_stall = on_stall
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch from now on."""
        self.stop()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds, self._look, self._unread_bytes())

    def stop(self) -> None:
        """Watch no more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _look(self, unread_bytes: int) -> None:
        if self._unread_bytes() < unread_bytes:
            self.start()
        else:
            self._timer = None
            self._on_stall()
