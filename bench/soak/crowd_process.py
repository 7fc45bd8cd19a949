"""A crowd as the run's own process speaks to it."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from bench.soak.crowd import Report, run
from bench.soak.wire import Wire

_ANSWER_SECONDS: Final = 600.0


class CrowdProcess:
    """One that is asked, and reports."""

    def __init__(self, wire: Wire, hear: Callable[[Report], None]) -> None:
        self._wire = wire
        self._hear = hear
        self._answers: asyncio.Queue[tuple[bool, Any]] = asyncio.Queue()
        self._asking = asyncio.Lock()

    async def ask(self, name: str, *arguments: Any) -> Any:
        """
        Have the crowd do something, and return what it says.

        Raises:
            RuntimeError: it could not.

        """
        async with self._asking:
            self._wire.send((name, arguments))
            succeeded, answer = await asyncio.wait_for(self._answers.get(), _ANSWER_SECONDS)
        if not succeeded:
            raise RuntimeError(answer)
        return answer

    async def listen(self) -> None:
        """Hand on what the crowd says, until it is gone."""
        try:
            while True:
                heard = await self._wire.receive()
                if isinstance(heard, Report):
                    self._hear(heard)
                else:
                    self._answers.put_nowait(heard)
        except EOFError:
            self._answers.put_nowait((False, "the crowd's process is gone"))


@asynccontextmanager
async def run_crowd(
    ports: list[int], seed: int, hear: Callable[[Report], None]
) -> AsyncIterator[CrowdProcess]:
    """Run a crowd for the time of the block; `hear` gets its reports."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = socket.socketpair()
    process = context.Process(target=run, args=(theirs, ports, seed), daemon=True)
    process.start()
    theirs.close()
    wire = await Wire.over(ours)
    crowd = CrowdProcess(wire, hear)
    listening = asyncio.create_task(crowd.listen())
    try:
        yield crowd
    finally:
        listening.cancel()
        wire.close()
        await asyncio.to_thread(process.join, 10)
        if process.is_alive():
            process.kill()
            process.join()
