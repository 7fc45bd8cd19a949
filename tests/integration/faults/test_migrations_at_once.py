"""Several `telemetra migrate` at the same moment: one works, the others wait for it, and all end well."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg

from telemetra.adapters.postgres import SCHEMA_REVISION, PostgresAddress, find_schema_revision
from tests.databases import connected
from tests.e2e.service import external, run_telemetra
from tests.integration.faults.asking import until

MIGRATIONS = 3
WAITING = """
    select count(*) filter (where l.granted) as working, count(*) filter (where not l.granted) as waiting
    from pg_locks l join pg_database d on d.oid = l.database
    where l.locktype = 'advisory' and d.datname = current_database()
"""


async def until_there_are(onlooker: asyncpg.Connection, *, working: int, waiting: int) -> None:
    async def are_there() -> bool:
        return tuple(await onlooker.fetchrow(WAITING)) == (working, waiting)

    await until(are_there)


async def test_migrations_at_once_wait_for_each_other_and_all_end_well(
    tmp_path: Path, empty_database: PostgresAddress
) -> None:
    settings = external(empty_database, "redis://127.0.0.1:1")
    async with connected(empty_database) as holder, connected(empty_database) as onlooker:
        # Whoever has the lock can't come further than to the first table.
        await holder.execute("begin")
        await holder.execute("create table streams (stream_id text)")
        running = [
            asyncio.create_task(run_telemetra(tmp_path / "data", "migrate", **settings))
            for _ in range(MIGRATIONS)
        ]
        await until_there_are(onlooker, working=1, waiting=MIGRATIONS - 1)
        await holder.execute("rollback")
        ended = await asyncio.gather(*running)
        assert [code for code, _, _ in ended] == [0] * MIGRATIONS, ended
        assert {error for _, _, error in ended} == {""}
        assert all(SCHEMA_REVISION in out for _, out, _ in ended)
        assert await find_schema_revision(empty_database) == SCHEMA_REVISION


async def test_a_migration_whose_session_is_ended_says_so_and_the_next_one_ends_well(
    tmp_path: Path, empty_database: PostgresAddress
) -> None:
    settings = external(empty_database, "redis://127.0.0.1:1")
    async with connected(empty_database) as holder, connected(empty_database) as onlooker:
        await holder.execute("begin")
        await holder.execute("create table moments (moment_id text)")
        killed = asyncio.create_task(run_telemetra(tmp_path / "data", "migrate", **settings))
        await until_there_are(onlooker, working=1, waiting=0)
        waiting = asyncio.create_task(run_telemetra(tmp_path / "data", "migrate", **settings))
        await until_there_are(onlooker, working=1, waiting=1)
        # As when its process dies: the server ends its session.
        await onlooker.execute(
            "select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database "
            "where l.locktype = 'advisory' and l.granted and d.datname = current_database()"
        )
        code, _, error = await killed
        assert code == 1
        assert "Traceback" not in error
        assert len(error.splitlines()) == 1
        await holder.execute("rollback")
        code, _, error = await waiting
        assert code == 0, error
        assert await find_schema_revision(empty_database) == SCHEMA_REVISION
