"""A Redis of the run's own, which is killed and stopped, and which nobody else starts again."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from telemetra.adapters.embedded import EngineBinaries, RedisEndpoint

_START_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.02


class OwnRedis:
    """The packaged Valkey as a direct child; nothing of it is kept on disk, so it comes back empty."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.place = RedisEndpoint(host="127.0.0.1", port=self.port, password=secrets.token_urlsafe(24))
        self._home = home
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return when it takes connections."""
        with (self._home / "redis.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(EngineBinaries.packaged().redis_program()),
                *("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
                *("--requirepass", self.place.password),
                stdout=log,
                stderr=log,
                cwd=self._home,
            )
        async with asyncio.timeout(_START_SECONDS):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(_LOOK_SECONDS)

    async def kill(self) -> None:
        """Kill it, if it runs."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def stop(self) -> None:
        """Have it stand still: its connections stay, and it answers nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    async def command(self, *words: str) -> None:
        """Have it carry out a command, over a connection of its own."""
        client = Redis.from_url(self.place.url, socket_timeout=5)
        try:
            await client.execute_command(*words)  # type: ignore[no-untyped-call]
        finally:
            await client.aclose()

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(number)


@asynccontextmanager
async def run_redis(home: Path) -> AsyncIterator[OwnRedis]:
    """Run one for the time of the block."""
    redis = OwnRedis(home)
    try:
        await redis.start()
        yield redis
    finally:
        await redis.kill()
