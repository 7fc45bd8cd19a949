"""Examines a PostgreSQL for all that the service needs of it; nothing is changed there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import asyncpg

from telemetra.adapters.postgres import examination_statements as statements
from telemetra.adapters.postgres.connections import CONNECTION_LOST, PostgresAddress
from telemetra.adapters.postgres.reach_checks import check_encryption, check_pooler, check_reach
from telemetra.adapters.postgres.schema_checks import (
    check_defaults,
    check_history,
    check_indexes,
    check_rights,
    check_schema,
    check_triggers,
)
from telemetra.adapters.postgres.server_checks import (
    Examined,
    check_clock,
    check_connections,
    check_durability,
    check_long_running,
    check_prepared,
    check_server,
)
from telemetra.domain.findings import Finding, Status, look, problem, warning

Check = Callable[[Examined], Awaitable[list[Finding]]]

_TOGETHER_SECONDS: Final = 11.0

_OF_THE_SERVER: Final[dict[str, Check]] = {
    "postgres.version": check_server,
    "postgres.pooler": check_pooler,
    "postgres.encryption": check_encryption,
    "postgres.connections": check_connections,
    "postgres.durability": check_durability,
    "postgres.clock": check_clock,
    "postgres.prepared": check_prepared,
    "postgres.transactions": check_long_running,
    "postgres.schema": check_schema,
}
_OF_THE_TABLES: Final[dict[str, Check]] = {
    "postgres.rights": check_rights,
    "postgres.triggers": check_triggers,
    "postgres.defaults": check_defaults,
    "postgres.indexes": check_indexes,
    "postgres.history": check_history,
}
"""Of no use before the tables are at the revision that this version knows."""


async def examine_postgres(
    address: PostgresAddress,
    *,
    clock: Callable[[], float] = time.time,
    old: timedelta = timedelta(minutes=10),
) -> list[Finding]:
    """Return what there is to find, all within a dozen seconds, whatever hangs; `old` transactions are told of."""
    connection, reach = await check_reach(address)
    if connection is None:
        return [reach]
    findings = [reach]
    try:
        server = Examined(connection=connection, address=address, clock=clock, old=old)
        async with asyncio.timeout(_TOGETHER_SECONDS):
            await _run(_OF_THE_SERVER, server, findings)
            if not any(
                each.check == "postgres.schema" and each.status is Status.PROBLEM for each in findings
            ):
                await _run(_OF_THE_TABLES, server, findings)
    except TimeoutError:
        findings.append(
            warning("postgres.rest", "not looked at: there was no time left", "Find out why it is slow.")
        )
    except CONNECTION_LOST:
        advice = "Look whether it still runs, and what its own log says."
        findings.append(
            problem("postgres.rest", "not looked at: the server went away or stands still", advice)
        )
    finally:
        connection.terminate()
    return findings


async def _run(checks: dict[str, Check], server: Examined, findings: list[Finding]) -> None:
    """
    Add what each check finds.

    Raises one of `CONNECTION_LOST` when there is nobody left to ask.
    """
    for name, check in checks.items():
        findings += await look(name, _in_transaction(name, check, server))
        if server.connection.is_closed():
            raise ConnectionResetError(name)


async def _in_transaction(name: str, check: Check, server: Examined) -> list[Finding]:
    connection: Any = server.connection
    try:
        await connection.execute(statements.BEGIN)
        findings = await check(server)
        await connection.execute(statements.ROLLBACK)
    except asyncpg.InsufficientPrivilegeError as error:
        await connection.execute(statements.ROLLBACK)
        return [
            warning(
                name, f"can't be looked at: {error}", "See rights, and what the README grants who serves."
            )
        ]
    except asyncpg.QueryCanceledError:
        await connection.execute(statements.ROLLBACK)
        advice = "Somebody may hold a lock: select pid, query from pg_stat_activity where wait_event_type = 'Lock';"
        return [warning(name, "no answer in time", advice)]
    except (asyncio.CancelledError, *CONNECTION_LOST):
        # To cancel politely one would have to wait for the very server that does not answer.
        connection.terminate()
        raise
    except asyncpg.PostgresError:
        await connection.execute(statements.ROLLBACK)
        raise
    return findings
