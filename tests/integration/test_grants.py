"""The grants in the README are enough, and no more than that: for who serves, and for who writes."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from telemetra.adapters.postgres import (
    PostgresAddress,
    change_statements,
    examine_postgres,
    open_postgres,
    open_writer,
    require_newest_schema,
)
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.findings import Status
from telemetra.domain.queries import ListStreams, ReadMetrics, ReadMoments
from tests.contract.samples import a_moment, a_stream, a_window
from tests.databases import connected
from tests.engines import test_binaries

README = Path(__file__).parents[2] / "README.md"
RUNBOOK = Path(__file__).parents[2] / "docs" / "operations.md"
COMPOSE_GRANTS = Path(__file__).parents[2] / "deploy" / "compose" / "grants.sql"
SERVICE, WRITER = "telemetra_service", "telemetra_writer"


def readme_grants() -> str:
    (found,) = re.findall(r"```sql\n(-- grants: .*?)```", README.read_text(), re.DOTALL)
    return str(found)


@pytest.fixture
async def granted(database: PostgresAddress) -> AsyncIterator[PostgresAddress]:
    """A database with the README's two roles."""
    async with connected(database) as owner:
        await owner.execute(readme_grants())
        try:
            yield database
        finally:
            for role in (SERVICE, WRITER):
                await owner.execute(f"drop owned by {role}; drop role {role}")


async def test_the_service_needs_no_more_than_the_readme_grants(granted: PostgresAddress) -> None:
    service = dataclasses.replace(granted, user=SERVICE, password="choose-one")
    await require_newest_schema(service)
    async with connected(granted) as owner:
        await owner.execute("insert into streams (stream_id) values ('s')")
    async with open_postgres(service, live_interval_seconds=0.01) as ports, asyncio.timeout(20):
        assert (await ports.streams.list(ListStreams())).value
        assert not (await ports.metrics.list(ReadMetrics(stream_id="s"))).value
        assert not (await ports.moments.list(ReadMoments(stream_id="s"))).value
        snapshot = await ports.feed.snapshot("s", windows=60, moments=20)
        assert not (await ports.feed.since("s", snapshot.position, limit=10)).changes
        await anext(ports.feed.steps())
        await anext(ports.feed.lead(lambda: None))
    async with connected(service) as connection:
        await connection.fetchval(change_statements.TRIM_REMOVALS, timedelta(days=7), 10)
        assert await connection.fetchval(change_statements.RENEW_EPOCH, 10) == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("insert into streams (stream_id) values ('t')")


async def test_a_writer_needs_no_more_than_the_readme_grants(granted: PostgresAddress) -> None:
    async with connected(granted, user=WRITER, password="choose-another") as writer:
        await writer.execute("insert into streams (stream_id) values ('s')")
        await writer.execute("""
            insert into chat_summary_minute (stream_id, window_start, window_end)
            values ('s', '2026-01-01 00:00', '2026-01-01 00:01')
            on conflict (stream_id, window_start, window_end) do update set chat_count = excluded.chat_count
        """)
        await writer.execute(
            "insert into moments (stream_id, timestamp, moment_type) values ('s', '2026-01-01', 'chat_spike')"
        )
        await writer.execute("update chat_summary_minute set window_end = '2026-01-01 00:02'")
        await writer.execute("delete from moments; delete from chat_summary_minute; delete from streams")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute("delete from removals")
    async with connected(granted) as owner:
        assert await owner.fetchval("select count(*) from removals") == 4


async def test_a_replay_needs_no_more_than_the_writer_s_grants(granted: PostgresAddress) -> None:
    writer = dataclasses.replace(granted, user=WRITER, password="choose-another")
    await require_newest_schema(writer)
    async with open_writer(writer) as store:
        for _ in range(2):
            await store.write(a_stream(), [a_window()], [a_moment()])
    async with connected(granted) as owner:
        assert await owner.fetchval("select count(*) from chat_summary_minute") == 1


async def test_a_writer_without_grants_is_told_so(granted: PostgresAddress) -> None:
    async with connected(granted) as owner:
        await owner.execute(f"revoke insert on moments from {WRITER}")
    async with open_writer(dataclasses.replace(granted, user=WRITER, password="choose-another")) as store:
        with pytest.raises(DatabaseUnavailable, match="permission denied for table moments"):
            await store.write(a_stream(), [a_window()], [a_moment()])


async def test_a_role_that_may_not_connect_is_told_so(granted: PostgresAddress) -> None:
    async with connected(granted) as owner:
        await owner.execute(f"revoke connect on database {granted.database} from public")
    writer = dataclasses.replace(granted, user=WRITER, password="choose-another")
    with pytest.raises(DatabaseUnavailable, match="permission denied for database"):
        await require_newest_schema(writer)


async def test_a_stranger_can_forge_no_removals(granted: PostgresAddress) -> None:
    async with connected(granted) as owner:
        await owner.execute("create schema strangers; grant usage, create on schema strangers to public")
    async with connected(granted, user=WRITER, password="choose-another") as stranger:
        await stranger.execute("create table strangers.own (stream_id text)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await stranger.execute(
                "create trigger forged after delete on strangers.own "
                "for each row execute function public.telemetra_remove_streams()"
            )


async def test_a_role_without_grants_is_told_so_at_the_start(granted: PostgresAddress) -> None:
    async with connected(granted) as owner:
        await owner.execute(f"revoke select on telemetra_schema from {SERVICE}")
    service = dataclasses.replace(granted, user=SERVICE, password="choose-one")
    with pytest.raises(DatabaseUnavailable, match="permission denied for table telemetra_schema"):
        await require_newest_schema(service)


@pytest.mark.parametrize(
    ("right", "grant"),
    [
        ("delete on removals", "grant delete on removals to telemetra_service;"),
        ("update on telemetra_state", "grant update on telemetra_state to telemetra_service;"),
        ("select on moments", "grant select on moments to telemetra_service;"),
    ],
)
async def test_a_service_that_lacks_a_right_is_refused_at_the_start_with_the_grant(
    granted: PostgresAddress, right: str, grant: str
) -> None:
    async with connected(granted) as owner:
        await owner.execute(f"revoke {right} from {SERVICE}")
    service = dataclasses.replace(granted, user=SERVICE, password="choose-one")
    with pytest.raises(DatabaseUnavailable) as refused:
        async with open_postgres(service, live_interval_seconds=0.01):
            pass
    assert f"this role lacks {right}. As the owner of the tables: {grant}" in str(refused.value)


async def test_the_writers_role_may_delete_what_is_old_as_the_runbook_does(granted: PostgresAddress) -> None:
    ((retention,),) = [
        re.findall(
            r"```sql\n-- psql -f retention.sql.*?\n(do \$\$.*?\$\$;)\n```", RUNBOOK.read_text(), re.DOTALL
        )
    ]
    async with connected(granted) as owner:
        await owner.execute(
            "insert into chat_summary_minute (stream_id, window_start, window_end) select s, t, t + interval '1 minute' "
            "from unnest(array['a', 'b']) s, generate_series((now() at time zone 'utc')::date - 181, "
            "(now() at time zone 'utc')::date - 179, interval '1 minute') t"
        )
        kept = "select count(*) from chat_summary_minute where window_start >= (now() at time zone 'utc') - interval '180 days'"
        young = int(await owner.fetchval(kept) or 0)
        before = int(await owner.fetchval("select count(*) from chat_summary_minute") or 0)
        async with connected(granted, user=WRITER, password="choose-another") as writer:
            await writer.execute(retention)
        left = int(await owner.fetchval("select count(*) from chat_summary_minute") or 0)
        assert before > left
        # A minute may have gone by.
        assert young - 2 <= left <= young
        assert await owner.fetchval("select count(*) from removals") == before - left
        # Each batch is a transaction of its own, which holds nobody up.
        assert (
            await owner.fetchval(
                "select max(count) from (select count(*) from removals group by revision) each"
            )
            == 1000
        )


async def test_the_service_of_compose_is_granted_what_it_needs_as_often_as_it_is_started(
    database: PostgresAddress,
) -> None:
    service = dataclasses.replace(database, user=SERVICE, password="o'clock\\")
    try:
        for password in ("before", service.password):
            code, told = await run_psql(database, COMPOSE_GRANTS, SERVICE_PASSWORD=password)
            assert (code, told) == (0, "")
        findings = await examine_postgres(service)
    finally:
        async with connected(database) as owner:
            await owner.execute(f"drop owned by {SERVICE}; drop role {SERVICE}")
    (rights,) = [finding for finding in findings if finding.check == "postgres.rights"]
    assert rights.status is Status.OK
    async with connected(database) as owner:
        assert not await owner.fetchval("select exists (select from pg_roles where rolname = $1)", SERVICE)


async def run_psql(database: PostgresAddress, script: Path, **environ: str) -> tuple[int | None, str]:
    """Run a script as compose.yaml has it run, and return its code and what it complained of."""
    found = test_binaries()
    programs = [found.postgres_bin / "psql" if found.postgres_bin else None, shutil.which("psql")]
    psql = next((program for program in programs if program and Path(program).exists()), None)
    if psql is None:
        pytest.skip("no psql is installed")
    process = await asyncio.create_subprocess_exec(
        *(str(psql), "--no-psqlrc", "--quiet", "--file", str(script)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={
            "PGHOST": database.host,
            "PGPORT": str(database.port),
            "PGUSER": database.user,
            "PGDATABASE": database.database,
            "PGPASSWORD": database.password,
            **environ,
        },
    )
    told, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, told.decode()
