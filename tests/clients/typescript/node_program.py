"""The client in a Node program of its own: a child process that follows, and writes down what it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.clients.typescript.told import Told
from tests.e2e.service import END_SECONDS


class NodeProgram(Told):
    """One that runs, until its input ends."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__()
        self.said: list[str] = []
        """What it said on standard error."""
        self._process = process

    async def read(self) -> None:
        """Take down what it tells, until it ends."""
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            self.take(json.loads(line))

    async def listen(self) -> None:
        """Take down what it complains of, until it ends."""
        assert self._process.stderr
        while line := await self._process.stderr.readline():
            self.said.append(line.decode().rstrip())

    async def end(self) -> int:
        """Have it close its stream, and return its exit code: it ends by itself when nothing is left to do."""
        assert self._process.stdin
        self._process.stdin.close()
        return await asyncio.wait_for(self._process.wait(), END_SECONDS)


@asynccontextmanager
async def node_program(
    script: Path, url: str, stream_id: str, **orders: object
) -> AsyncIterator[NodeProgram]:
    """Follow a stream, and see at the end that the program ends in order, and complains of nothing."""
    process = await asyncio.create_subprocess_exec(
        *("node", "--enable-source-maps", str(script)),
        json.dumps({"url": url, "streamId": stream_id, **orders}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    program = NodeProgram(process)
    reading = [asyncio.create_task(program.read()), asyncio.create_task(program.listen())]
    try:
        yield program
        code = await program.end()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await asyncio.wait_for(asyncio.gather(*reading), END_SECONDS)
    assert (code, program.said) == (0, [])
