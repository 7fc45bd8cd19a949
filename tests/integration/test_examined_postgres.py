"""What an examination finds in a real PostgreSQL, each thing provoked, and that its advice mends it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from telemetra.adapters.embedded import run_engines
from telemetra.adapters.postgres import PostgresAddress, examine_postgres, open_postgres, renew_epoch
from telemetra.adapters.postgres import examination_statements as statements
from telemetra.adapters.postgres.server_checks import OWN_CONNECTIONS
from telemetra.adapters.postgres.tables import metadata
from telemetra.domain.changes import Step
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.findings import Finding, Status
from tests.contract.proxy import Proxy
from tests.databases import connected, to_address
from tests.engines import test_binaries
from tests.integration.pooler import pooling
from tests.integration.test_grants import SERVICE, granted, readme_grants

__all__ = ["granted"]

TOGETHER_SECONDS = 15.0
AT_ONCE = timedelta(0)
RENEW = "telemetra epoch renew"
SESSIONS = "select count(*) from pg_stat_activity where application_name = 'telemetra' and datname = current_database()"
LEADS = "select exists (select from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database()))"


async def examine(address: PostgresAddress, **bounds: Any) -> list[Finding]:
    async with asyncio.timeout(TOGETHER_SECONDS):
        return await examine_postgres(address, **bounds)


def of(findings: list[Finding], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == f"postgres.{check}"]


async def one(address: PostgresAddress, check: str, **bounds: Any) -> Finding:
    (finding,) = of(await examine(address, **bounds), check)
    return finding


async def execute(address: PostgresAddress, *commands: str) -> None:
    async with connected(address) as owner:
        for command in commands:
            await owner.execute(command)


async def follow(advice: str, address: PostgresAddress) -> None:
    """Do what the advice says: its SQL is run as it stands, and an epoch is renewed."""
    await execute(
        address, *re.findall(r"^((?:create|alter|grant|reindex|insert|rollback) .*);$", advice, re.MULTILINE)
    )
    if RENEW in advice:
        await renew_epoch(address)


async def test_a_healthy_database_has_a_clean_bill(database: PostgresAddress) -> None:
    findings = await examine(database)
    # The tests' engines run without fsync, which is a finding.
    bad = [each for each in findings if each.status is not Status.OK and each.check != "postgres.durability"]
    assert bad == []
    assert len({finding.check for finding in findings}) == 16


async def test_the_role_of_the_readme_has_a_clean_bill(granted: PostgresAddress) -> None:
    async with connected(granted):
        findings = await examine(dataclasses.replace(granted, user=SERVICE, password="choose-one"))
    told = {each.check: each.status for each in findings if each.status is not Status.OK}
    assert told == {"postgres.durability": Status.WARNING, "postgres.transactions": Status.NOTE}
    (hidden,) = of(findings, "transactions")
    assert f"grant pg_read_all_stats to {SERVICE};" in hidden.advice


# What is expected is what the migrations make, and what the README grants


async def test_the_triggers_expected_are_those_that_the_migrations_make(database: PostgresAddress) -> None:
    async with connected(database) as owner:
        rows = await owner.fetch(
            "select tgrelid::regclass::text, tgname::text from pg_trigger where not tgisinternal"
        )
    assert {tuple(row) for row in rows} == set(statements.TRIGGERS)


def test_the_indexes_expected_are_those_described() -> None:
    described = {index.name: index.unique for table in metadata.tables.values() for index in table.indexes}
    assert set(statements.INDEXES) == set(described)
    assert {name for name, unique in described.items() if unique} == statements.UNIQUE_INDEXES


def test_the_rights_expected_are_those_that_the_readme_grants() -> None:
    of_service = readme_grants().partition("-- grants: who writes")[0]
    granted = set()
    for privileges, objects in re.findall(r"grant (\w+) on (?:function )?([\w, ]+) to", of_service):
        granted |= {(privileges, thing.strip()) for thing in objects.split(",")}
    assert granted == {(privilege, thing.partition("(")[0]) for privilege, thing in statements.RIGHTS}


# The way there


async def test_an_unreachable_server_is_one_problem(database: PostgresAddress) -> None:
    (finding,) = await examine(dataclasses.replace(database, port=1))
    assert (finding.check, finding.status) == ("postgres.reachable", Status.PROBLEM)
    assert finding.found == f"{dataclasses.replace(database, port=1)}: connection refused"
    assert "POSTGRES_PORT" in finding.advice


async def test_a_host_that_is_not_there_is_told_as_such(database: PostgresAddress) -> None:
    (finding,) = await examine(dataclasses.replace(database, host="nowhere.invalid"))
    assert "there is no such host" in finding.found


@asynccontextmanager
async def web_server() -> AsyncIterator[int]:
    """What is no PostgreSQL: it answers whatever it is told as servers of HTTP do; yield its port."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("prefer", "what answers there is no PostgreSQL"),
        ("disable", "is no PostgreSQL"),
        ("require", "or is no PostgreSQL"),
        ("verify-full", "or is no PostgreSQL"),
    ],
)
async def test_what_is_no_postgresql_is_told_as_such_by_the_doctor_and_at_a_start(
    database: PostgresAddress, mode: str, told: str
) -> None:
    async with web_server() as port:
        address = dataclasses.replace(database, port=port, ssl=mode)
        (finding,) = await examine(address)
        with pytest.raises(DatabaseUnavailable) as refused:
            async with open_postgres(address, live_interval_seconds=1):
                pass
    assert told in finding.found
    assert told in str(refused.value)
    if mode in {"prefer", "disable"}:
        assert finding.advice == "Look at POSTGRES_HOST and POSTGRES_PORT."
    else:
        assert "POSTGRES_SSL=prefer" in finding.advice


async def test_a_wrong_password_is_told_without_it(database: PostgresAddress) -> None:
    (finding,) = await examine(dataclasses.replace(database, password="hunter2"))
    assert finding.status is Status.PROBLEM
    assert "password authentication failed" in finding.found
    assert "POSTGRES_PASSWORD" in finding.advice
    assert "hunter2" not in str(finding)


async def test_a_missing_database_is_told_with_how_to_make_it(database: PostgresAddress) -> None:
    (finding,) = await examine(dataclasses.replace(database, database="nowhere"))
    assert finding.status is Status.PROBLEM
    assert "createdb nowhere" in finding.advice


async def test_a_server_without_tls_is_told_of_where_tls_is_required(database: PostgresAddress) -> None:
    (finding,) = await examine(dataclasses.replace(database, ssl="require"))
    assert finding.status is Status.PROBLEM
    assert "POSTGRES_SSL" in finding.advice


async def test_a_server_that_says_nothing_is_waited_for_two_seconds(database: PostgresAddress) -> None:
    async with Proxy(database.host, database.port) as proxy:
        proxy.freeze(new_ones_too=True)
        began = time.monotonic()
        (finding,) = await examine(dataclasses.replace(database, host="127.0.0.1", port=proxy.port))
    assert finding.status is Status.PROBLEM
    assert "no answer within 2 s" in finding.found
    assert time.monotonic() - began < 6


async def test_a_server_that_stands_still_later_ends_the_report(database: PostgresAddress) -> None:
    async with Proxy(database.host, database.port) as proxy:

        def freeze() -> float:
            proxy.freeze()
            return time.time()

        findings = await examine(
            dataclasses.replace(database, host="127.0.0.1", port=proxy.port), clock=freeze
        )
    assert [each.check for each in findings[-2:]] == ["postgres.clock", "postgres.rest"]
    assert [each.status for each in findings[-2:]] == [Status.WARNING, Status.PROBLEM]


async def test_a_slow_way_is_told_where_reads_would_not_wait_for_it(database: PostgresAddress) -> None:
    finding = await one(dataclasses.replace(database, acquire_timeout_seconds=0.0001), "reachable")
    assert finding.status is Status.WARNING
    assert "POSTGRES_ACQUIRE_TIMEOUT" in finding.advice


@pytest.mark.parametrize("in_turn", [False, True])
async def test_a_pooler_that_gives_sessions_away_is_a_problem(
    database: PostgresAddress, *, in_turn: bool
) -> None:
    async with pooling(database.host, database.port, in_turn=in_turn) as port:
        findings = await examine(dataclasses.replace(database, host="127.0.0.1", port=port))
    (finding,) = of(findings, "pooler")
    assert finding.status is Status.PROBLEM
    assert "transaction mode" in finding.found
    # And the rest of the report comes through it.
    assert of(findings, "history")[0].status is Status.OK


async def test_a_pooler_that_keeps_sessions_is_a_warning(database: PostgresAddress) -> None:
    async with pooling(database.host, database.port, keeps_sessions=True) as port:
        finding = await one(dataclasses.replace(database, host="127.0.0.1", port=port), "pooler")
    assert finding.status is Status.WARNING


# The server


async def test_a_standby_is_a_problem(tmp_path: Path) -> None:
    binaries = test_binaries()
    tmp_path.chmod(0o755)
    async with run_engines(tmp_path / "data", redis=False, binaries=binaries, durable=False):
        pass
    (tmp_path / "data" / "postgres" / "cluster" / "standby.signal").touch()
    async with run_engines(tmp_path / "data", redis=False, binaries=binaries, durable=False) as engines:
        assert engines.postgres
        finding = await one(to_address(engines.postgres), "primary")
    assert (finding.status, "a standby" in finding.found) == (Status.PROBLEM, True)
    assert "POSTGRES_HOST" in finding.advice


async def test_live_delivery_has_as_many_connections_as_are_reckoned_with(database: PostgresAddress) -> None:
    async def last(steps: AsyncIterator[Step]) -> None:
        async for _ in steps:
            pass

    async with (
        connected(database) as owner,
        connected(database) as counting,
        contextlib.AsyncExitStack() as stack,
    ):
        await owner.execute("insert into streams (stream_id) values ('s')")
        leader = await stack.enter_async_context(open_postgres(database, live_interval_seconds=0.05))
        leading = asyncio.create_task(last(leader.feed.lead(lambda: None)))
        async with asyncio.timeout(TOGETHER_SECONDS):
            while not await owner.fetchval(LEADS):  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.05)
        impatient = dataclasses.replace(database, command_timeout_seconds=1.5)
        ports = await stack.enter_async_context(open_postgres(impatient, live_interval_seconds=0.05))
        position = (await ports.feed.snapshot("s", windows=1, moments=1)).position
        # It waits for the lead, stands in, and has more laggards than it catches up with at once.
        waiting = asyncio.create_task(last(ports.feed.lead(lambda: None)))
        standing_in = asyncio.create_task(last(ports.feed.steps()))
        async with owner.transaction():
            await owner.execute("lock table streams in access exclusive mode")
            laggards = [asyncio.create_task(ports.feed.since("s", position, limit=1)) for _ in range(5)]
            most = 0
            while not laggards[0].done():
                most = max(most, await counting.fetchval(SESSIONS))
                await asyncio.sleep(0.02)
        tasks = {leading, waiting, standing_in, *laggards}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert most - 1 == OWN_CONNECTIONS


async def test_a_primary_that_refuses_writes_is_a_problem(database: PostgresAddress) -> None:
    await execute(database, f"alter database {database.database} set default_transaction_read_only = on")
    finding = await one(database, "primary")
    assert (finding.status, "read-only" in finding.found) == (Status.PROBLEM, True)


async def test_no_room_for_a_process_is_a_problem(database: PostgresAddress) -> None:
    finding = await one(dataclasses.replace(database, pool_size=1000), "connections")
    assert finding.status is Status.PROBLEM
    assert "POSTGRES_POOL_SIZE" in finding.advice
    await execute(database, f"alter database {database.database} connection limit 5")
    assert (await one(database, "connections")).status is Status.PROBLEM


async def test_commits_that_do_not_wait_for_the_disk_are_told_of(granted: PostgresAddress) -> None:
    here = f"role {SERVICE} in database {granted.database}"
    await execute(
        granted,
        f"alter role {SERVICE} in database {granted.database} set synchronous_commit = false",
        f"alter database {granted.database} set synchronous_commit = off",
    )
    findings = [each for each in of(await examine(granted), "durability") if "fsync" not in each.found]
    assert {each.found for each in findings} == {
        f"synchronous_commit is off for {here}",
        f"synchronous_commit is off for all roles in database {granted.database}",
    }
    for finding in findings:
        (command,) = re.findall(r"(alter .*);", finding.advice)
        await execute(granted, command)
    assert all("fsync" in each.found for each in of(await examine(granted), "durability"))


async def test_a_clock_that_is_off_is_told_with_by_how_much(database: PostgresAddress) -> None:
    finding = await one(database, "clock", clock=lambda: time.time() + 5)
    assert finding.status is Status.WARNING
    assert "5.0 s behind" in finding.found
    assert (await one(database, "clock", clock=lambda: time.time() + 0.5)).status is Status.OK


async def test_a_forgotten_two_phase_commit_is_named_with_what_ends_it(database: PostgresAddress) -> None:
    await execute(
        database, "begin; insert into streams (stream_id) values ('s'); prepare transaction 'it''s forgotten'"
    )
    try:
        assert (await one(database, "prepared")).status is Status.OK
        finding = await one(database, "prepared", old=AT_ONCE)
        assert finding.status is Status.WARNING
        assert "'it''s forgotten'" in finding.found
    finally:
        await execute(database, "rollback prepared 'it''s forgotten'")
    assert "rollback prepared 'it''s forgotten';" in finding.advice
    assert (await one(database, "prepared", old=AT_ONCE)).status is Status.OK


async def test_a_transaction_that_writes_for_long_is_named(database: PostgresAddress) -> None:
    async with connected(database) as writer:
        pid = await writer.fetchval("select pg_backend_pid()")
        await writer.execute("begin; select 1")
        assert (await one(database, "transactions", old=AT_ONCE)).status is Status.OK
        await writer.execute("insert into streams (stream_id) values ('s')")
        finding = await one(database, "transactions", old=AT_ONCE)
        assert finding.status is Status.WARNING
        assert f"pg_terminate_backend({pid})" in finding.advice
        assert (await one(database, "transactions")).status is Status.OK


# The tables


async def test_a_database_that_was_never_migrated_is_told_so(empty_database: PostgresAddress) -> None:
    findings = await examine(empty_database)
    (finding,) = of(findings, "schema")
    assert finding.status is Status.PROBLEM
    assert "never migrated" in finding.found
    assert finding.advice.endswith("telemetra migrate")
    assert not of(findings, "triggers")


@pytest.mark.parametrize(
    ("revision", "advice"), [("0004", "telemetra migrate"), ("9999", "run that version")]
)
async def test_an_older_or_newer_schema_is_told_apart(
    database: PostgresAddress, revision: str, advice: str
) -> None:
    await execute(database, f"update telemetra_schema set version_num = '{revision}'")
    finding = await one(database, "schema")
    assert (finding.status, revision in finding.found) == (Status.PROBLEM, True)
    assert advice in finding.advice


async def test_each_missing_grant_is_named_and_mended_by_the_advice(granted: PostgresAddress) -> None:
    service = dataclasses.replace(granted, user=SERVICE, password="choose-one")
    for privilege, thing in statements.RIGHTS:
        name = f"function {thing}" if "(" in thing else thing
        await execute(granted, f"revoke {privilege} on {name} from {SERVICE}")
        finding = await one(service, "rights")
        assert finding.status is Status.PROBLEM
        assert finding.found.endswith(f"lacks: {privilege} on {thing}")
        await follow(finding.advice, granted)
        assert (await one(service, "rights")).status is Status.OK


async def test_all_missing_grants_together_are_mended_by_the_advice(granted: PostgresAddress) -> None:
    service = dataclasses.replace(granted, user=SERVICE, password="choose-one")
    await execute(granted, f"drop owned by {SERVICE}")
    await follow((await one(service, "rights")).advice, granted)
    assert (await one(service, "rights")).status is Status.OK


async def test_each_missing_trigger_is_made_again_by_the_advice(database: PostgresAddress) -> None:
    async def definitions() -> dict[Any, Any]:
        async with connected(database) as owner:
            rows = await owner.fetch(
                "select tgrelid::regclass::text as table, tgname, pg_get_triggerdef(oid) as definition, tgenabled "
                "from pg_trigger where not tgisinternal"
            )
        return {(row["table"], row["tgname"]): (row["definition"], row["tgenabled"]) for row in rows}

    before = await definitions()
    await execute(database, *(f"drop trigger {name} on {table}" for table, name in statements.TRIGGERS))
    findings = of(await examine(database), "triggers")
    assert [finding.status for finding in findings] == [Status.PROBLEM] * len(statements.TRIGGERS)
    for finding in findings:
        await follow(finding.advice, database)
    assert await definitions() == before


@pytest.mark.parametrize(
    ("how", "status"),
    [("disable", Status.PROBLEM), ("enable replica", Status.PROBLEM), ("enable", Status.WARNING)],
)
async def test_a_trigger_that_does_not_fire_for_everybody_is_mended_by_the_advice(
    database: PostgresAddress, how: str, status: Status
) -> None:
    await execute(database, f"alter table moments {how} trigger telemetra_remove")
    finding = await one(database, "triggers")
    assert (finding.status, "telemetra_remove on moments" in finding.found) == (status, True)
    assert RENEW in finding.advice
    await follow(finding.advice, database)
    assert (await one(database, "triggers")).status is Status.OK


async def test_a_table_whose_triggers_are_all_disabled_is_one_finding(database: PostgresAddress) -> None:
    await execute(
        database, "alter table moments disable trigger all", "alter table streams enable trigger all"
    )
    disabled, partly = of(await examine(database), "triggers")
    for finding, table in ((disabled, "moments"), (partly, "streams")):
        assert finding.found.count(table) == 1
        names = [name for on, name in statements.TRIGGERS if on == table]
        assert len(names) > 1
        assert all(name in finding.found for name in names)
    assert (disabled.status, partly.status) == (Status.PROBLEM, Status.WARNING)
    await follow(disabled.advice, database)
    assert (await one(database, "triggers")).status is Status.OK


@pytest.mark.parametrize("change", ["drop default", "set default '0'"])
async def test_a_changed_default_is_mended_by_the_advice(database: PostgresAddress, change: str) -> None:
    await execute(database, f"alter table streams alter column revision {change}")
    finding = await one(database, "defaults")
    assert finding.status is Status.WARNING
    await follow(finding.advice, database)
    assert (await one(database, "defaults")).status is Status.OK


async def test_each_missing_index_is_made_again_by_the_advice(database: PostgresAddress) -> None:
    async def definitions() -> set[str]:
        async with connected(database) as owner:
            rows = await owner.fetch("select indexdef from pg_indexes where schemaname = 'public'")
        return {row["indexdef"] for row in rows}

    before = await definitions()
    await execute(database, *(f"drop index {name}" for name in statements.INDEXES))
    findings = of(await examine(database), "indexes")
    assert len(findings) == len(statements.INDEXES)
    for finding in findings:
        assert finding.status is Status.PROBLEM
        await follow(finding.advice, database)
    assert await definitions() == before


async def test_an_index_that_was_not_finished_is_mended_by_the_advice(database: PostgresAddress) -> None:
    await execute(
        database,
        "drop index moments_revision",
        "create index moments_revision on moments (revision)",
        "update pg_index set indisvalid = false where indexrelid = 'moments_revision'::regclass",
    )
    finding = await one(database, "indexes")
    assert (finding.status, "invalid" in finding.found) == (Status.PROBLEM, True)
    await follow(finding.advice, database)
    assert (await one(database, "indexes")).status is Status.OK


async def test_rows_from_the_future_are_mended_by_the_advice(database: PostgresAddress) -> None:
    await execute(
        database,
        "insert into streams (stream_id) values ('s')",
        "alter table streams disable trigger all",
        "update streams set revision = '99999999'",
        "alter table streams enable always trigger telemetra_stamp",
        "alter table streams enable always trigger telemetra_correct",
    )
    finding = await one(database, "history")
    assert (finding.status, "from the future" in finding.found) == (Status.PROBLEM, True)
    assert "Restart the services" in finding.advice
    await follow(finding.advice, database)
    assert (await one(database, "history")).status is Status.OK


async def test_a_state_that_was_emptied_is_mended_by_the_advice(database: PostgresAddress) -> None:
    await execute(database, "truncate telemetra_state")
    finding = await one(database, "history")
    assert finding.status is Status.PROBLEM
    await follow(finding.advice, database)
    assert (await one(database, "history")).status is Status.OK


@asynccontextmanager
async def locked(address: PostgresAddress, table: str) -> AsyncIterator[None]:
    async with connected(address) as holder:
        await holder.execute(f"begin; lock table {table} in access exclusive mode")
        yield


async def test_a_table_that_somebody_locks_does_not_end_the_report(database: PostgresAddress) -> None:
    async with locked(database, "telemetra_schema"):
        findings = await examine(database)
    (schema,) = of(findings, "schema")
    assert (schema.status, schema.found) == (Status.WARNING, "no answer in time")
    assert "wait_event_type = 'Lock'" in schema.advice
    assert of(findings, "history")[0].status is Status.OK
