"""What the service needs of its tables: revision, rights, triggers, defaults, indexes, and rows of this history."""

from __future__ import annotations

from typing import Final

import asyncpg

from telemetra.adapters.postgres import examination_statements as statements
from telemetra.adapters.postgres.epoch import is_restored
from telemetra.adapters.postgres.rights import find_missing_rights
from telemetra.adapters.postgres.schema import SCHEMA_REVISION
from telemetra.adapters.postgres.server_checks import Examined
from telemetra.domain.errors import SchemaOutdated
from telemetra.domain.findings import Finding, ok, problem, warning

_EVERYBODY: Final = "A"
_ORDINARY_WRITERS: Final = "O"


async def check_schema(server: Examined) -> list[Finding]:
    try:
        found = await server.connection.fetchval(statements.SCHEMA_REVISION)
    except asyncpg.UndefinedTableError:
        found = None
    if found == SCHEMA_REVISION:
        return [ok("postgres.schema", f"at revision {found}, as this version needs")]
    outdated = SchemaOutdated(found=found, wanted=SCHEMA_REVISION)
    if outdated.is_newer:
        advice = "A newer Telemetra migrated it: run that version."
    else:
        advice = "As the owner of the tables: telemetra migrate"
    told = f"at revision {found}" if found else "never migrated"
    return [problem("postgres.schema", f"{told}, this version needs {SCHEMA_REVISION}", advice)]


async def check_rights(server: Examined) -> list[Finding]:
    """Compare with what the README grants who serves."""
    missing = await find_missing_rights(server.connection)
    if missing is None:
        return [ok("postgres.rights", f"{server.address.user} may do all that serving takes")]
    return [
        problem(
            "postgres.rights",
            f"{server.address.user} lacks: {missing}",
            "\n".join(["As the owner of the tables:", *missing.grants]),
        )
    ]


async def check_triggers(server: Examined) -> list[Finding]:
    rows = await server.connection.fetch(statements.FOUND_TRIGGERS, statements.TABLES)
    enabled = {(row["table"], row["name"]): row["enabled"] for row in rows}
    findings = []
    silent: dict[str, list[str]] = {}
    partly: dict[str, list[str]] = {}
    for (table, name), definition in statements.TRIGGERS.items():
        state = enabled.get((table, name))
        if state is None:
            advice = (
                f"As the owner of the tables:\n{definition};\nalter table {table} enable always trigger {name};\n"
                f"and then, for what was missed: telemetra epoch renew"
            )
            findings.append(
                problem("postgres.triggers", f"{name} on {table} is missing: changes go unseen", advice)
            )
        elif state == _ORDINARY_WRITERS:
            partly.setdefault(table, []).append(name)
        elif state != _EVERYBODY:
            silent.setdefault(table, []).append(name)
    findings += [
        problem("postgres.triggers", f"disabled: {_on(table, names)}: changes go unseen", _RENEW)
        for table, names in silent.items()
    ]
    findings += [
        warning("postgres.triggers", f"not firing for logical replication: {_on(table, names)}", _RENEW)
        for table, names in partly.items()
    ]
    return findings or [ok("postgres.triggers", f"all {len(statements.TRIGGERS)} fire, for every writer")]


def _on(table: str, triggers: list[str]) -> str:
    return f"{', '.join(triggers)} on {table}"


_RENEW: Final = "As the owner of the tables: telemetra epoch renew\nIt enables them again, and gives every listener a snapshot."


async def check_defaults(server: Examined) -> list[Finding]:
    rows = await server.connection.fetch(statements.DEFAULTS, statements.TABLES)
    return [
        warning(
            "postgres.defaults",
            f"revision of {row['table']} has the default {row['default'] or 'null'}: each new row is written twice",
            "As the owner of the tables:\n"
            f"alter table {row['table']} alter column revision set default {statements.REVISION_DEFAULT};",
        )
        for row in rows
        if row["default"] != statements.REVISION_DEFAULT
    ] or [ok("postgres.defaults", "new rows are given their revision")]


async def check_indexes(server: Examined) -> list[Finding]:
    rows = await server.connection.fetch(statements.FOUND_INDEXES, list(statements.INDEXES))
    valid = {row["name"]: row["is_valid"] for row in rows}
    findings = []
    for name, definition in statements.INDEXES.items():
        if name not in valid:
            kind = "unique index" if name in statements.UNIQUE_INDEXES else "index"
            advice = f"As the owner of the tables:\ncreate {kind} concurrently {name} on {definition};"
            findings.append(
                problem("postgres.indexes", f"{name} is missing: what uses it reads whole tables", advice)
            )
        elif not valid[name]:
            advice = f"As the owner of the tables:\nreindex index concurrently {name};"
            findings.append(problem("postgres.indexes", f"{name} is invalid: its making was cut off", advice))
    return findings or [ok("postgres.indexes", f"all {len(statements.INDEXES)} are there")]


async def check_history(server: Examined) -> list[Finding]:
    """Look for revisions that no transaction here has reached: the service mends them, when one takes the lead."""
    if not await server.connection.fetchval(statements.IS_INITIALISED):
        advice = "As the owner of the tables:\ninsert into telemetra_state default values;\nthen restart the services."
        return [problem("postgres.history", "telemetra_state is empty: no service can start", advice)]
    if await is_restored(server.connection):
        found = "there are rows from the future of this database: a dump of another one was restored"
        advice = (
            "Restart the services: who takes the lead re-stamps them. Or, as the owner: telemetra epoch renew"
        )
        return [problem("postgres.history", found, advice)]
    return [ok("postgres.history", "every row is of this database's own history")]
