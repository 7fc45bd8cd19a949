"""A real `telemetra serve` as a child process: started, asked, ended, and looked over for what it left behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from telemetra.adapters.postgres import PostgresAddress

START_SECONDS = 60
END_SECONDS = 30
OK = {"status": "ok", "database": "ok", "redis": "ok"}
_TELEMETRA = (sys.executable, "-m", "telemetra")


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """Return an environment with no setting of the machine's own, and a home that is empty."""
    # What is tested is what the test itself imports.
    names = ("PATH", "LANG", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "HOME": str(data_dir.parent), "TELEMETRA_DATA_DIR": str(data_dir), **settings}


def external(address: PostgresAddress, redis_url: str) -> dict[str, str]:
    """Return the settings that name a database and a Redis of one's own."""
    return {
        "POSTGRES_HOST": address.host,
        "POSTGRES_PORT": str(address.port),
        "POSTGRES_USER": address.user,
        "POSTGRES_PASSWORD": address.password,
        "POSTGRES_DB": address.database,
        "POSTGRES_SSL": "disable",
        "REDIS_URL": redis_url,
    }


class Service:
    """A running service: its address, what it printed, and its process."""

    def __init__(
        self, process: asyncio.subprocess.Process, url: str, log: list[str], more: asyncio.Event
    ) -> None:
        self.process = process
        self.url = url
        self.log = log
        self._more = more

    @property
    def live_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws/live"

    async def logged(self, **wanted: object) -> dict[str, Any]:
        """Return the first line of the log that has these values, when it is there."""
        async with asyncio.timeout(END_SECONDS):
            while True:
                for line in map(json.loads, self.log):
                    if wanted.items() <= line.items():
                        return dict(line)
                self._more.clear()
                await self._more.wait()

    def family(self) -> list[psutil.Process]:
        """Return the process and all that descend from it."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=20) as client:
            return await client.get(path)

    async def end(self, signal_number: int = signal.SIGTERM) -> int:
        """Signal the process, and return its exit code when it has ended."""
        self.process.send_signal(signal_number)
        return await asyncio.wait_for(self.process.wait(), END_SECONDS)


@asynccontextmanager
async def serving(
    data_dir: Path,
    *arguments: str,
    command: Sequence[str] = (*_TELEMETRA, "serve", "--port", "0"),
    **settings: str,
) -> AsyncIterator[Service]:
    """Start the service and yield it when it says that it is up; end it, if the block has not."""
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        env=environment(data_dir, **settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=data_dir.parent,
    )
    lines: list[str] = []
    more = asyncio.Event()
    assert process.stdout is not None
    assert process.stderr is not None
    drain = asyncio.ensure_future(_read(process.stderr, lines, more))
    try:
        async with asyncio.timeout(START_SECONDS):
            first = (await process.stdout.readline()).decode()
        found = re.search(r"http://\S+?:\d+", first)
        assert found, f"no address in {first!r}; on stderr:\n" + "\n".join(lines[-30:])
        yield Service(process, found.group(), lines, more)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), END_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        await asyncio.wait_for(drain, END_SECONDS)


async def _read(stream: asyncio.StreamReader, lines: list[str], more: asyncio.Event) -> None:
    while line := await stream.readline():
        lines.append(line.decode().rstrip())
        more.set()


async def when_healthy(service: Service, wanted: dict[str, str] = OK) -> httpx.Response:
    """
    Return the health that the service comes to within the time of a start.

    Asked once, a machine that stood still for a second says `unavailable` for it.
    """
    told: object = "nothing"
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                with suppress(httpx.TransportError):
                    answer = await service.get("/api/v1/health")
                    told = answer.json()
                    if told == wanted:
                        return answer
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"the last health told was {told}") from None


async def when_following(service: Service) -> None:
    """Wait until a service that has just started has heard of changes: before that it keeps nothing, and trusts nothing kept."""
    steps = re.compile(r"^telemetra_relay_steps_total\S* [1-9]", re.MULTILINE)
    async with asyncio.timeout(START_SECONDS):
        while not steps.search((await service.get("/metrics")).text):  # noqa: ASYNC110  (it gives no event of it)
            await asyncio.sleep(0.02)


async def run_telemetra(data_dir: Path, *arguments: str, **settings: str) -> tuple[int, str, str]:
    """Run a command to its end and return exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        *_TELEMETRA,
        *arguments,
        env=environment(data_dir, **settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=data_dir.parent,
    )
    out, err = await asyncio.wait_for(process.communicate(), START_SECONDS)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def all_gone(processes: Sequence[psutil.Process]) -> None:
    """Wait until none of these runs; whatever does after a while is named."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=END_SECONDS)
    assert not alive, [process.cmdline() for process in alive]
