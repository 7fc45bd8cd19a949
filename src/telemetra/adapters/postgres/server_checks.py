"""What the service needs of a PostgreSQL server, whatever tables are in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from telemetra.adapters.postgres import examination_statements as statements
from telemetra.adapters.postgres.connections import PostgresAddress
from telemetra.domain.findings import Finding, note, ok, problem, warning

OLDEST_VERSION: Final = 150_000
OWN_CONNECTIONS: Final = 5
"""What live delivery has beside the pool: one that leads or waits to, one that stands in, three that catch up."""

_MAX_SKEW_SECONDS: Final = 1.0
_SCARCE: Final = 0.1
_LOST_AFTERWARDS: Final = "What PostgreSQL loses in a crash may have been told to listeners already: such commits are outside of the guarantee"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """The server that is looked at, by a connection in a transaction that only reads."""

    connection: Any
    address: PostgresAddress
    clock: Callable[[], float] = time.time
    old: timedelta = timedelta(minutes=10)
    """From when on a transaction is told of."""


async def check_server(server: Examined) -> list[Finding]:
    """Look which PostgreSQL it is, and whether it is the one that tells what is committed."""
    row = await server.connection.fetchrow(statements.SERVER)
    version = f"PostgreSQL {row['version']}"
    findings = [ok("postgres.version", version)]
    if row["number"] < OLDEST_VERSION:
        advice = "15 or newer is needed: upgrade it, or name another server by POSTGRES_HOST."
        findings = [problem("postgres.version", version, advice)]
    if row["is_standby"]:
        found = "it is a standby (in recovery), which can't tell what is committed"
        advice = "Let POSTGRES_HOST name the primary, or promote this one."
    elif row["refuses_writes"]:
        found = "it is the primary, but its transactions are read-only by default"
        advice = "Find out why (some set default_transaction_read_only when a disk is full), and reset it."
    else:
        return [*findings, ok("postgres.primary", "it is the primary")]
    return [*findings, problem("postgres.primary", found, advice)]


async def check_connections(server: Examined) -> list[Finding]:
    """Compare what a process will open with what is free; how many processes there will be, nobody knows here."""
    row = await server.connection.fetchrow(statements.CONNECTIONS)
    wanted = server.address.pool_size + OWN_CONNECTIONS
    limits = [
        limit for limit in (row["role_limit"], row["database_limit"]) if limit is not None and limit >= 0
    ]
    most = min([row["most"] - row["reserved"], *limits])
    free = max(0, most - row["used"])
    found = f"{row['used']} of {most} in use, {row['ours']} by Telemetra; a process takes up to {wanted}"
    advice = (
        f"Raise max_connections (or the role's or database's connection limit), end what is idle, or lower "
        f"POSTGRES_POOL_SIZE={server.address.pool_size}."
    )
    if most < wanted or (free < wanted and not row["ours"]):
        return [problem("postgres.connections", f"{found}: there is no room for one", advice)]
    if free < _SCARCE * most:
        return [warning("postgres.connections", f"{found}: there is hardly any left", advice)]
    return [ok("postgres.connections", f"{found}: room for {free // wanted} more")]


async def check_durability(server: Examined) -> list[Finding]:
    findings = []
    for whose, name, mend in await server.connection.fetch(statements.DURABILITY):
        scope = whose or "the whole server"
        if name == "fsync":
            advice = "A crash of the machine can destroy the database: alter system set fsync = on; select pg_reload_conf();"
        elif mend:
            advice = f"{_LOST_AFTERWARDS}.\nIf it is not meant: {mend};"
        else:
            advice = (
                f"{_LOST_AFTERWARDS}.\n"
                "If it is not meant: alter system set synchronous_commit = on; select pg_reload_conf();"
            )
        findings.append(warning("postgres.durability", f"{name} is off for {scope}", advice))
    return findings or [ok("postgres.durability", "commits are on disk before they are told")]


async def check_clock(server: Examined) -> list[Finding]:
    sent = server.clock()
    theirs = await server.connection.fetchval(statements.CLOCK)
    came = server.clock()
    ahead = theirs - (sent + came) / 2
    found = f"the database's is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if abs(ahead) - (came - sent) / 2 > _MAX_SKEW_SECONDS:
        return [warning("postgres.clock", found, "Have NTP set both (timedatectl status, chronyc tracking).")]
    return [ok("postgres.clock", "the database's and this machine's agree")]


async def check_prepared(server: Examined) -> list[Finding]:
    rows = await server.connection.fetch(statements.PREPARED, server.old)
    return [
        warning(
            "postgres.prepared",
            f"transaction {row['gid']} of {row['owner']} in database {row['database']} is prepared since "
            f"{_words(row['age'])}, and holds every position back",
            f"Ask who prepared it; else, in that database: rollback prepared {row['gid']}; (or commit prepared)",
        )
        for row in rows
    ] or [ok("postgres.prepared", "no forgotten two-phase commit")]


async def check_long_running(server: Examined) -> list[Finding]:
    rows = await server.connection.fetch(statements.LONG_RUNNING, server.old)
    if rows:
        return [
            warning(
                "postgres.transactions",
                f"process {row['pid']} ({row['owner']}, database {row['database']}, {row['state']}) has written in a "
                f"transaction since {_words(row['age'])}: positions grow, and resume gets coarser",
                f"Have it end; else: select pg_terminate_backend({row['pid']});",
            )
            for row in rows
        ]
    if hidden := await server.connection.fetchval(statements.HIDDEN_SESSIONS):
        return [
            note(
                "postgres.transactions",
                f"{hidden} session{'s' * (hidden != 1)} of other roles hidden from {server.address.user}",
                f"To have them looked at too: grant pg_read_all_stats to {await server.connection.fetchval(statements.WHO)};",
            )
        ]
    return [ok("postgres.transactions", f"none has been writing for {_words(server.old)}")]


def _words(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return f"{age.total_seconds():.0f} s"
    if minutes < 120:  # noqa: PLR2004  (two hours are told in minutes still)
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
