"""`telemetra tail --json` as a child process: the reference client, and what it was told."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.service import END_SECONDS, environment

PATIENCE_SECONDS = 60.0


class Follower:
    """One that follows a stream; `told` grows as messages come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._more = asyncio.Event()
        self.told: list[dict[str, Any]] = []
        self.counts: list[int] = []
        """The count of each window that it was told as a change, in order."""
        self._awaited: set[int] = set()
        self.said: list[str] = []
        """What it said on standard error."""

    async def read(self) -> None:
        """Take down what it tells, until it ends."""
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            self.told.append(message)
            if message["type"] == "metrics":
                self.counts.append(message["data"]["chat_count"])
                self._awaited.discard(self.counts[-1])
            self._more.set()

    async def listen(self) -> None:
        """Take down what it says about its connection."""
        assert self._process.stderr
        while line := await self._process.stderr.readline():
            self.said.append(line.decode().rstrip())
            self._more.set()

    async def until(self, is_so: Callable[[], bool], *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until what it has told makes this true."""
        async with asyncio.timeout(patience_seconds):
            while not is_so():
                self._more.clear()
                await self._more.wait()

    async def until_told(self, chat_count: int, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for the window of this count."""
        if chat_count not in self.counts:
            self._awaited.add(chat_count)
            await self.until(lambda: chat_count not in self._awaited, patience_seconds=patience_seconds)

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Each change, as what tells it from others."""
        kinds = {"metrics", "moment", "stream", "removed"}
        return [(m["type"], json.dumps(m["data"], sort_keys=True)) for m in self.told if m["type"] in kinds]

    @property
    def resumed(self) -> list[bool]:
        """Of each connection, whether it went on exactly."""
        return [message["resumed"] for message in self.told if message["type"] == "connected"]


@asynccontextmanager
async def following(home: Path, url: str, stream_id: str, *arguments: str) -> AsyncIterator[Follower]:
    """Follow a stream, and yield when the first message is there."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telemetra", "tail", stream_id, "--url", url, "--json", *arguments),
        env=environment(home / "data"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=home,
        limit=64 * 1024 * 1024,
    )
    follower = Follower(process)
    reading = [asyncio.create_task(follower.read()), asyncio.create_task(follower.listen())]
    try:
        await follower.until(lambda: bool(follower.told))
        yield follower
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), END_SECONDS)
        await asyncio.wait_for(asyncio.gather(*reading), END_SECONDS)
