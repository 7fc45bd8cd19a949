"""How each implementation is opened, empty, for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from telemetra.adapters.memory import MemoryDatabase, MemoryProbe, MemoryWriter, memory_ports
from telemetra.adapters.postgres import PostgresAddress, open_postgres, open_writer
from telemetra.domain.ports import Ports
from tests.contract.memory_script import MemoryScript
from tests.contract.postgres_script import PostgresScript
from tests.contract.world import BOUND_SECONDS, World

BACKENDS: Final = ["memory_world", "postgres_world"]
"""Names of the fixtures that open a world each."""

STRANGERS: Final = 6
"""How many transactions of the script may be open at once."""


@asynccontextmanager
async def open_memory_world() -> AsyncIterator[World]:
    """Open a database in memory."""
    database = MemoryDatabase()
    yield World(ports=memory_ports(database), writer=MemoryWriter(database), script=MemoryScript(database))


@asynccontextmanager
async def open_postgres_world(address: PostgresAddress) -> AsyncIterator[World]:
    """Open a migrated database without rows, which is this test's alone; there is no Redis behind these ports."""
    async with (
        open_postgres(address, live_interval_seconds=0.01) as postgres,
        open_writer(address) as writer,
        asyncpg.create_pool(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database=address.database,
            min_size=1,
            max_size=STRANGERS,
            command_timeout=BOUND_SECONDS,
        ) as pool,
    ):
        script = PostgresScript(pool)
        ports = Ports(
            streams=postgres.streams,
            metrics=postgres.metrics,
            moments=postgres.moments,
            feed=postgres.feed,
            database=postgres.probe,
            redis=MemoryProbe(),
        )
        try:
            yield World(ports=ports, writer=writer, script=script)
        finally:
            await script.aclose()
