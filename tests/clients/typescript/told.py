"""What a follower was told, line by line as it comes, whichever program it runs in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 60.0


class Told:
    """Grows while its follower follows: its messages, and its states."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.counts: list[int] = []
        """The count of each window that it was told as a change, in order."""
        self._more = asyncio.Event()

    def take(self, line: dict[str, Any]) -> None:
        """Take down one more."""
        self.lines.append(line)
        if line.get("message", {}).get("type") == "metrics":
            self.counts.append(line["message"]["data"]["chat_count"])
        self._more.set()

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [line["message"] for line in self.lines if "message" in line]

    @property
    def statuses(self) -> list[dict[str, Any]]:
        return [line["status"] for line in self.lines if "status" in line]

    @property
    def state(self) -> str | None:
        return self.statuses[-1]["state"] if self.statuses else None

    @property
    def resumed(self) -> list[bool]:
        """Of each connection, whether it went on exactly."""
        return [message["resumed"] for message in self.messages if message["type"] == "connected"]

    async def until(self, is_so: Callable[[], bool], *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until what was told makes this true."""
        try:
            async with asyncio.timeout(patience_seconds):
                while not is_so():
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"told last: {self.lines[-10:]}") from None

    async def line(self, number: int) -> dict[str, Any]:
        """Return the line of this number, from 0, when it is there."""
        await self.until(lambda: len(self.lines) > number)
        return self.lines[number]

    async def until_state(self, state: str) -> None:
        await self.until(lambda: self.state == state)

    async def until_counted(self, chat_count: int) -> None:
        """Wait for the window of this count."""
        await self.until(lambda: chat_count in self.counts)
