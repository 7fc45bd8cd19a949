"""
A `telemetra serve` of the benchmark's own, and what any of its processes costs.

The service is spoken to by its command line, its sockets and SQL, and by nothing else.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
import psutil
from bench.live.database import LOG_TAIL_BYTES, LOOK_SECONDS, START_SECONDS, Database, environment

_END_SECONDS: Final = 30.0


class Service:
    """A running `telemetra serve`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.port = port
        self.pid = process.pid
        self._process = process

    @property
    def live_url(self) -> str:
        """Where listeners connect, without the stream."""
        return f"ws://127.0.0.1:{self.port}/ws/live"

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs."""
        return self._process.returncode

    async def end(self, signal_number: int = signal.SIGTERM) -> int | None:
        """Signal the process, wait for its end, and return its exit code; bounded, the last resort is a kill."""
        if self._process.returncode is None:
            self._process.send_signal(signal_number)
        try:
            await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        return self._process.returncode


async def start_service(
    database: Database, *, name: str | None = None, port: int = 0, **settings: str
) -> Service:
    """Start a service on a database of this name, and return it when it answers; `settings` are its environment."""
    port = port or _free_port()
    log = database.home / f"service-{port}.log"
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "telemetra", "serve", "--port", str(port)),
            env=environment(database.home, database.settings(name) | settings),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
            cwd=database.home,
        )
    service = Service(process, port)
    try:
        await _until_up(process, port)
    except BaseException as error:
        await service.end(signal.SIGKILL)
        error.add_note(log.read_text(errors="replace")[-LOG_TAIL_BYTES:])
        raise
    return service


@asynccontextmanager
async def run_service(
    database: Database, *, name: str | None = None, port: int = 0, **settings: str
) -> AsyncIterator[Service]:
    """Run a service for the time of the block."""
    service = await start_service(database, name=name, port=port, **settings)
    try:
        yield service
    finally:
        await service.end()


def cpu_seconds(process: psutil.Process) -> float:
    """
    Return the processor time of a process and all that descend from it, those that have ended included.

    Where the kernel tells it to the nanosecond, that is taken: ten processes' rounded hundredths of a second would be
    half of what an idle server uses.
    """
    family = [process, *process.children(recursive=True)]
    return sum(_own_seconds(one) + _buried_seconds(one) for one in family)


def _own_seconds(process: psutil.Process) -> float:
    try:
        tasks = [path / "schedstat" for path in Path(f"/proc/{process.pid}/task").iterdir()]
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
    except (OSError, IndexError):
        pass
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _buried_seconds(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.children_user + times.children_system)
    return 0.0


async def _until_up(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False, timeout=2) as client:
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the service ended with {process.returncode}")
            with suppress(httpx.HTTPError):
                if (await client.get(f"http://127.0.0.1:{port}/health")).is_success:
                    return
            await asyncio.sleep(LOOK_SECONDS)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
