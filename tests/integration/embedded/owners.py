"""Owners of engines as processes of their own, and what lives below them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from telemetra.adapters.embedded import EngineBinaries, EngineEndpoints

_OWNER = Path(__file__).with_name("owner.py")
_START_SECONDS = 60.0
_END_SECONDS = 60.0
_LOOK_SECONDS = 0.05

Process = tuple[int, str]
"""A pid and when it started: a pid alone may be somebody else's by now."""


class Owner:
    """One that runs."""

    def __init__(self, process: asyncio.subprocess.Process, running: EngineEndpoints) -> None:
        self.process = process
        self.running = running

    async def kill(self) -> None:
        self.process.kill()
        await asyncio.wait_for(self.process.wait(), _END_SECONDS)

    async def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)
        await asyncio.wait_for(self.process.wait(), _END_SECONDS)

    def descendants(self) -> set[Process]:
        """Everything below it, of which there must be something."""
        below, parents = set(), {self.process.pid}
        table = _processes()
        while parents:
            children = {pid: started for pid, parent, started in table if parent in parents}
            below |= set(children.items())
            parents = set(children)
        assert below
        return below


@asynccontextmanager
async def owner(data_dir: Path, binaries: EngineBinaries, prefix: Sequence[str] = ()) -> AsyncIterator[Owner]:
    """Start an owner and wait until its engines answer; raises what it said when they do not."""
    process = await _spawn(data_dir, binaries, prefix)
    assert process.stdin
    assert process.stdout
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        if not line:
            raise AssertionError(await _said(process))
        yield Owner(process, msgspec.json.decode(line, type=EngineEndpoints))
    finally:
        process.stdin.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await process.stdin.wait_closed()
        await asyncio.wait_for(process.wait(), _END_SECONDS)


def send(signal_number: int, pids: Iterable[int]) -> None:
    """Signal processes below an owner; one that ended by itself meanwhile needs no signal."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)


async def refusal(data_dir: Path, binaries: EngineBinaries, prefix: Sequence[str] = ()) -> str:
    """Start an owner that can't start, and return what it says."""
    process = await _spawn(data_dir, binaries, prefix)
    said = await _said(process)
    assert process.returncode == 1
    return said


async def end_of(processes: set[Process]) -> None:
    """Wait until all of them are gone; there is no event for processes that are not ours."""
    async with asyncio.timeout(_END_SECONDS):
        while alive := processes & {(pid, started) for pid, _, started in _processes()}:  # noqa: F841, ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)


async def _spawn(
    data_dir: Path, binaries: EngineBinaries, prefix: Sequence[str]
) -> asyncio.subprocess.Process:
    # Another user can't write down what it covered, and says so where the test reads.
    kept = {name: value for name, value in os.environ.items() if not (prefix and name.startswith("COVERAGE"))}
    return await asyncio.create_subprocess_exec(
        *prefix,
        *(sys.executable, str(_OWNER), str(data_dir), str(binaries.postgres_bin), str(binaries.redis_server)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=kept,
    )


async def _said(process: asyncio.subprocess.Process) -> str:
    _, said = await asyncio.wait_for(process.communicate(b""), _START_SECONDS)
    return said.decode().strip()


def _processes() -> list[tuple[int, int, str]]:
    """List all that run as (pid, parent, start); the dead that nobody has asked after do not count."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart="], capture_output=True, text=True, check=True, timeout=10
    ).stdout
    rows = [line.split(maxsplit=3) for line in listed.splitlines()]
    return [(int(pid), int(parent), started) for pid, parent, state, started in rows if state[0] != "Z"]
