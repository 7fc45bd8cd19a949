"""A program that owns engines until its input ends: run by path, killed by tests."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from telemetra.adapters.embedded import DataDirectoryInUse, EngineBinaries, EngineFailed, run_engines


async def _own(data_dir: Path, binaries: EngineBinaries) -> None:
    async with run_engines(data_dir, binaries=binaries) as running:
        print(msgspec.json.encode(running).decode(), flush=True)  # noqa: T201  the tests read it
        words = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(words), sys.stdin
        )
        await words.read()


def main() -> None:
    data_dir, postgres_bin, redis_server = map(Path, sys.argv[1:])
    try:
        asyncio.run(_own(data_dir, EngineBinaries(postgres_bin=postgres_bin, redis_server=redis_server)))
    except (DataDirectoryInUse, EngineFailed) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
