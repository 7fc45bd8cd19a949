"""How each implementation is opened, empty, for one test."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from opentelemetry.sdk.trace import TracerProvider

from telemetra.adapters.memory import (
    MemoryAnswers,
    MemoryDatabase,
    MemoryLiveBus,
    MemoryProbe,
    MemoryWriter,
    memory_ports,
)
from telemetra.adapters.otel.ports import traced_ports
from telemetra.adapters.postgres import PostgresAddress, open_postgres, open_writer
from telemetra.domain.ports import Ports
from tests.contract.memory_script import MemoryScript
from tests.contract.postgres_script import PostgresScript
from tests.contract.world import BOUND_SECONDS, World
from tests.databases import strangers

BACKENDS: Final = ["memory_world", "postgres_world", "traced_world"]
"""Names of the fixtures that open a world each."""

STRANGERS: Final = 6
"""How many transactions of the script may be open at once."""

END_SESSIONS: Final = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'telemetra' and datname = current_database()
"""
FORGET_REMOVALS: Final = """
    with gone as (delete from removals returning revision)
    update telemetra_state set removals_horizon = (select revision from gone order by revision desc limit 1)
"""


@asynccontextmanager
async def open_memory_world() -> AsyncIterator[World]:
    """Open a database in memory."""
    database = MemoryDatabase()

    async def interrupt() -> None:
        with database.unavailable():
            for _ in range(10):
                await asyncio.sleep(0)

    async def forget_removals() -> None:
        database.forget_removals()

    yield World(
        ports=memory_ports(database),
        writer=MemoryWriter(database),
        script=MemoryScript(database),
        interrupt=interrupt,
        forget_removals=forget_removals,
    )


@asynccontextmanager
async def open_traced_world() -> AsyncIterator[World]:
    """Open a database in memory, each of whose ports is traced: whoever asks notices nothing."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")
    async with open_memory_world() as world:
        yield dataclasses.replace(world, ports=traced_ports(world.ports, tracer))


@asynccontextmanager
async def open_postgres_world(address: PostgresAddress) -> AsyncIterator[World]:
    """Open a migrated database without rows, which is this test's alone; there is no Redis behind these ports."""
    async with (
        open_postgres(address, live_interval_seconds=0.01) as postgres,
        open_writer(address) as writer,
        strangers(address, most=STRANGERS, seconds=BOUND_SECONDS) as pool,
    ):
        script = PostgresScript(pool)
        ports = Ports(
            answers=MemoryAnswers(),
            streams=postgres.streams,
            metrics=postgres.metrics,
            moments=postgres.moments,
            feed=postgres.feed,
            bus=MemoryLiveBus(),
            database=postgres.probe,
            redis=MemoryProbe(),
        )

        async def interrupt() -> None:
            await pool.execute(END_SESSIONS)

        async def forget_removals() -> None:
            await pool.execute(FORGET_REMOVALS)

        try:
            yield World(
                ports=ports,
                writer=writer,
                script=script,
                interrupt=interrupt,
                forget_removals=forget_removals,
            )
        finally:
            await script.aclose()
