"""Real engines for tests: the packaged ones, or those that TELEMETRA_TEST_POSTGRES_BIN and ..._REDIS_BIN name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from telemetra.adapters.embedded import EngineBinaries, EngineEndpoints, run_engines


def test_binaries() -> EngineBinaries:
    """Return the programs to test with."""
    packaged = EngineBinaries.packaged()
    postgres_bin = os.environ.get("TELEMETRA_TEST_POSTGRES_BIN")
    redis_server = os.environ.get("TELEMETRA_TEST_REDIS_BIN")
    return EngineBinaries(
        postgres_bin=Path(postgres_bin) if postgres_bin else packaged.postgres_bin,
        redis_server=Path(redis_server) if redis_server else packaged.redis_server,
    )


test_binaries.__test__ = False  # type: ignore[attr-defined]  # its name is no test's


@asynccontextmanager
async def run_test_engines(*, postgres: bool = True, redis: bool = True) -> AsyncIterator[EngineEndpoints]:
    """Run fresh engines in a temporary directory, without fsync; a session fixture's whole body."""
    with tempfile.TemporaryDirectory(prefix="telemetra-test-") as directory:
        async with run_engines(
            Path(directory) / "data",
            postgres=postgres,
            redis=redis,
            binaries=test_binaries(),
            durable=False,
        ) as running:
            yield running
