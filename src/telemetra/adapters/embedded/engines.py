"""Running the engines of one data directory for as long as a block of code lasts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from telemetra.adapters.embedded.binaries import EngineBinaries
from telemetra.adapters.embedded.endpoints import EngineEndpoints
from telemetra.adapters.embedded.errors import EngineFailed
from telemetra.adapters.embedded.ownership import own, publish, withdraw
from telemetra.adapters.embedded.postgres import run_postgres
from telemetra.adapters.embedded.redis import run_redis


@asynccontextmanager
async def run_engines(
    data_dir: Path,
    *,
    postgres: bool = True,
    redis: bool = True,
    binaries: EngineBinaries | None = None,
    durable: bool = True,
) -> AsyncIterator[EngineEndpoints]:
    """
    Start the engines that are asked for; they answer from the first line of the block, and are stopped after it.

    Should one end by itself in between, it is started again on the same port. When this process ends in any
    other way, SIGKILL included, they are stopped as well. Rows are kept in `data_dir`, which is made when
    missing; `durable=False` trades their safety against a crash of the machine for speed (tests).

    Raises:
        DataDirectoryInUse: another live process runs the engines of `data_dir`.
        EngineFailed: one of them can't be started; the message is one line that names the cause.

    """
    async with AsyncExitStack() as stack:
        yield await _start(
            stack,
            data_dir,
            binaries or EngineBinaries.packaged(),
            postgres=postgres,
            redis=redis,
            durable=durable,
        )


async def _start(
    stack: AsyncExitStack,
    data_dir: Path,
    binaries: EngineBinaries,
    *,
    postgres: bool,
    redis: bool,
    durable: bool,
) -> EngineEndpoints:
    data_dir = Path.cwd() / data_dir  # the engines work elsewhere
    try:
        lock = await stack.enter_async_context(own(data_dir))
        running = EngineEndpoints(
            postgres=await stack.enter_async_context(run_postgres(data_dir, binaries, lock, durable=durable))
            if postgres
            else None,
            redis=await stack.enter_async_context(run_redis(data_dir, binaries, lock)) if redis else None,
            owner_pid=os.getpid(),
        )
        publish(data_dir, running)
        # Before anything stops: who looks for them meanwhile waits for the next owner.
        stack.callback(withdraw, data_dir)
    except OSError as error:
        where = error.filename or data_dir
        raise EngineFailed(
            f"can't keep the engines' data in {data_dir}: {error.strerror} ({where})"
        ) from error
    return running
