"""The owner's side of a keeper: starting an engine under one, and hearing what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from telemetra.adapters.embedded.errors import EngineFailed
from telemetra.adapters.embedded.identity import EngineUser
from telemetra.adapters.embedded.logs import cause_in, open_log

_KEEPER = Path(__file__).with_name("keeper.py")
_PROBE_INTERVAL_SECONDS = 0.01

# What an engine inherits: what its loader may need, and nothing that steers it (PGOPTIONS, PGDATA, locales).
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
_FIXED = {"LC_ALL": "C", "TZ": "UTC"}

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a keeper is to run."""

    name: str
    command: Sequence[str]
    user: EngineUser | None
    """None: as the owner itself."""
    workdir: Path
    reach: Sequence[Path]
    """What the user must be able to reach."""
    stop: Sequence[tuple[signal.Signals, float]]
    """The signals that stop it, in turn, with the seconds that each has."""
    lock: int
    """Held by whatever lives of the engine."""
    log: Path


class KeptEngine:
    """One engine under its keeper."""

    def __init__(self, order: Order, process: asyncio.subprocess.Process) -> None:
        self._order = order
        self._process = process
        self._refusal: str | None = None
        self._end = asyncio.create_task(self._hear_of_the_end())

    async def exit_code(self) -> int:
        """
        Wait for the engine's own end.

        Raises:
            EngineFailed: it could not even be run.

        """
        code = await asyncio.shield(self._end)
        if self._refusal is not None:
            raise EngineFailed(f"{self._order.name}: {self._refusal}")
        return code

    def failure(self) -> EngineFailed:
        """Return what the engine's log names as the cause of its end."""
        return EngineFailed(f"{self._order.name}: {cause_in(self._order.log)}")

    async def until_ready(self, probe: Callable[[], Awaitable[Answer | None]], seconds: float) -> Answer:
        """
        Ask until it answers; from then on the keeper restarts it should it end by itself.

        Raises:
            EngineFailed: it ended, or did not answer in time.

        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._end.done():
                    if (answer := await self._ask(probe)) is not None:
                        self._write(b"r")
                        return answer
                    await asyncio.wait({self._end}, timeout=_PROBE_INTERVAL_SECONDS)
                await self.exit_code()
                raise self.failure()
        raise EngineFailed(f"{self._order.name} did not answer within {seconds:.0f} s: see {self._order.log}")

    async def stop(self) -> None:
        """Have it stopped, and wait until it is."""
        self._write(b"s")
        patience = 15.0 + sum(seconds for _, seconds in self._order.stop)
        _, late = await asyncio.wait({self._end}, timeout=patience)
        if late:
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._end
        await self._process.wait()

    async def _ask(self, probe: Callable[[], Awaitable[Answer | None]]) -> Answer | None:
        """Ask once, but not beyond the engine's end: somebody else may have its port, and be silent."""
        asking = asyncio.ensure_future(probe())
        try:
            await asyncio.wait({asking, self._end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asking.cancel()  # means nothing to one that is done
        await asyncio.wait({asking})
        return None if asking.cancelled() else asking.result()

    def _write(self, word: bytes) -> None:
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(word)

    async def _hear_of_the_end(self) -> int:
        """Return the engine's exit code, -1 when its keeper went without a word."""
        assert self._process.stdout is not None  # noqa: S101  asked for as a pipe
        code = -1
        async for line in self._process.stdout:
            event = json.loads(line)
            code = event.get("code", code)
            self._refusal = event.get("reason")
        return code


@asynccontextmanager
async def keep(order: Order) -> AsyncIterator[KeptEngine]:
    """Run the order under a keeper, and have the engine stopped at the end, whatever ends it."""
    engine = KeptEngine(order, await _start_keeper(order))
    try:
        yield engine
    finally:
        await _to_the_end(engine.stop())


async def _start_keeper(order: Order) -> asyncio.subprocess.Process:
    words = {
        "owner": os.getpid(),
        "command": list(order.command),
        "user": order.user and order.user.uid,
        "group": order.user and order.user.gid,
        "reach": [str(path) for path in order.reach],
        "stop": [(int(signum), seconds) for signum, seconds in order.stop],
        "locks": [order.lock],
    }
    environ = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with open_log(order.log) as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", str(_KEEPER), json.dumps(words)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=order.workdir,
            env=environ | _FIXED,
            pass_fds=[order.lock],
            start_new_session=True,
        )


async def _to_the_end(stopping: Awaitable[None]) -> None:
    """Finish stopping even when cancelled meanwhile (a second Ctrl-C); the cancellation follows afterwards."""
    task = asyncio.ensure_future(stopping)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
