"""Says whether a database is at the schema that this version works with."""

from __future__ import annotations

from typing import Final

import asyncpg

from telemetra.adapters.postgres.connections import PostgresAddress, first_connection
from telemetra.domain.errors import SchemaOutdated

VERSION_TABLE: Final = "telemetra_schema"
SCHEMA_REVISION: Final = "0005"
"""The newest migration; a constant, so that a start need not load the migrations to know it."""


async def find_schema_revision(address: PostgresAddress) -> str | None:
    """
    Return the schema revision that the database is at; None for one that was never migrated.

    Raises:
        DatabaseUnavailable: the database can't be reached.

    """
    async with first_connection(address) as connection:
        try:
            revision: str | None = await connection.fetchval(f"select version_num from {VERSION_TABLE}")  # noqa: S608
        except asyncpg.UndefinedTableError:
            return None
    return revision


async def require_newest_schema(address: PostgresAddress) -> None:
    """
    Look whether the database is at the newest schema.

    Raises:
        SchemaOutdated: it is not; the message says what to do.
        DatabaseUnavailable: the database can't be reached.

    """
    found = await find_schema_revision(address)
    if found != SCHEMA_REVISION:
        raise SchemaOutdated(found=found, wanted=SCHEMA_REVISION)
