"""Databases for tests: made by the migrations, copied from a template, dropped at the end."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from telemetra.adapters.embedded import PostgresEndpoint
from telemetra.adapters.postgres import PostgresAddress
from telemetra.adapters.postgres.migrations import migrate

_numbers = itertools.count(1)
TEMPLATE = "telemetra_template"


PATIENCE_SECONDS = 30.0
"""How long a wait of an adapter may take: a test of its bounds sets its own."""


def to_address(endpoint: PostgresEndpoint, database: str | None = None) -> PostgresAddress:
    return PostgresAddress(
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=endpoint.password,
        database=database or endpoint.database,
        ssl="disable",
        connect_timeout_seconds=PATIENCE_SECONDS,
        acquire_timeout_seconds=PATIENCE_SECONDS,
        command_timeout_seconds=PATIENCE_SECONDS,
    )


async def connect(address: PostgresAddress, **changes: Any) -> asyncpg.Connection:
    """Connect as any client of PostgreSQL would."""
    address = dataclasses.replace(address, **changes)
    return await asyncpg.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.database,
        timeout=10,
        command_timeout=30,
    )


@asynccontextmanager
async def connected(address: PostgresAddress, **changes: Any) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(address, **changes)
    try:
        yield connection
    finally:
        await connection.close(timeout=10)


def strangers(address: PostgresAddress, *, most: int, seconds: float) -> asyncpg.Pool:
    """Return a pool, yet to be opened, of writers that know nothing of Telemetra; each command has so many seconds."""
    return asyncpg.create_pool(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.database,
        min_size=1,
        max_size=most,
        command_timeout=seconds,
    )


async def make_template(endpoint: PostgresEndpoint) -> str:
    """Make the migrated database that others are copied from."""
    async with connected(to_address(endpoint)) as server:
        await server.execute(f"create database {TEMPLATE}")
    await migrate(to_address(endpoint, TEMPLATE))
    return TEMPLATE


@asynccontextmanager
async def fresh_database(
    endpoint: PostgresEndpoint, *, template: str = "template0"
) -> AsyncIterator[PostgresAddress]:
    """Yield the address of a new database: empty, or a copy of the migrated template."""
    name = f"telemetra_test_{next(_numbers)}"
    async with connected(to_address(endpoint)) as server:
        await server.execute(f"create database {name} template {template}")
    try:
        yield to_address(endpoint, name)
    finally:
        async with connected(to_address(endpoint)) as server:
            await server.execute(f"drop database {name} with (force)")
