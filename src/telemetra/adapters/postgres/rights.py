"""What whoever serves may do in the database, and what grants it: looked at by a start, and by an examination."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import asyncpg

from telemetra.adapters.postgres import examination_statements as statements
from telemetra.adapters.postgres.connections import PostgresAddress
from telemetra.domain.errors import DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class MissingRights:
    """What a role lacks."""

    role: str
    """As SQL writes it."""
    rights: list[tuple[str, str]]
    """Privilege and object, in order."""

    def __str__(self) -> str:
        return ", ".join(f"{privilege} on {thing}" for privilege, thing in self.rights)

    @property
    def grants(self) -> list[str]:
        """The statements that give them, one a privilege."""
        return [
            f"grant {privilege} on {'function ' if privilege == 'execute' else ''}"
            f"{', '.join(thing for _, thing in of_privilege)} to {self.role};"
            for privilege, of_privilege in groupby(self.rights, key=lambda pair: pair[0])
        ]


async def find_missing_rights(connection: asyncpg.Connection) -> MissingRights | None:
    """Compare what the connection's role may do with what the README grants who serves."""
    privileges, objects = zip(*statements.RIGHTS, strict=True)
    rows = await connection.fetch(statements.MISSING_RIGHTS, privileges, objects)
    if not rows:
        return None
    role = str(await connection.fetchval(statements.WHO))
    return MissingRights(role, sorted((row["privilege"], row["object"]) for row in rows))


async def require_rights(connection: asyncpg.Connection, address: PostgresAddress) -> None:
    """
    Look whether the connection's role may do all that serving takes.

    Raises:
        DatabaseUnavailable: it may not; the message has the grants.

    """
    if missing := await find_missing_rights(connection):
        raise DatabaseUnavailable(
            f"PostgreSQL at {address}: this role lacks {missing}. As the owner of the tables: {' '.join(missing.grants)}"
        )
