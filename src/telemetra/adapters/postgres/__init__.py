"""PostgreSQL: the tables, their migrations, the reads, the writes and the feed of changes."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from telemetra.adapters.postgres import change_statements
from telemetra.adapters.postgres.connections import (
    PostgresAddress,
    connect,
    ends_by_itself,
    first_connection,
    open_pool,
)
from telemetra.adapters.postgres.encryption import libpq_options
from telemetra.adapters.postgres.epoch import Epoch, renew_epoch
from telemetra.adapters.postgres.examination import examine_postgres
from telemetra.adapters.postgres.feed import PostgresFeed
from telemetra.adapters.postgres.probe import PostgresProbe
from telemetra.adapters.postgres.readers import READS, PostgresMetrics, PostgresMoments, PostgresStreams
from telemetra.adapters.postgres.rights import require_rights
from telemetra.adapters.postgres.schema import SCHEMA_REVISION, find_schema_revision, require_newest_schema
from telemetra.adapters.postgres.writer import PostgresWriter
from telemetra.domain.ports import PoolUse

__all__ = [
    "SCHEMA_REVISION",
    "PostgresAddress",
    "PostgresPorts",
    "examine_postgres",
    "find_schema_revision",
    "libpq_options",
    "open_postgres",
    "open_writer",
    "renew_epoch",
    "require_newest_schema",
]

_WRITE_SECONDS = 60.0
_FEED_CONNECTIONS = 3
"""Catching up takes turns: many laggards at once must not take the database from the readers."""
_CATCHING_UP = {"plan_cache_mode": "force_custom_plan"}
"""The plan of a page of changes depends on how old its position is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPorts:
    """What PostgreSQL gives the service."""

    streams: PostgresStreams
    metrics: PostgresMetrics
    moments: PostgresMoments
    feed: PostgresFeed
    probe: PostgresProbe
    pools: Callable[[], Mapping[str, PoolUse]]
    """Says how its connections are used, by what they are for."""
    ticket_key: Callable[[], bytes]
    """Gives a secret that all processes on this database share."""
    identity: str
    """Names this database for all processes that use it, by whatever name they know the server, also after a failover."""


@asynccontextmanager
async def open_postgres(
    address: PostgresAddress, *, live_interval_seconds: float
) -> AsyncIterator[PostgresPorts]:
    """
    Open the service's side of the database.

    Raises:
        DatabaseUnavailable: it can't be reached, or this role lacks a right; the message names the address and the reason.

    """
    epoch = Epoch()
    async with first_connection(address) as connection:
        await require_rights(connection, address)
        await epoch.refresh(connection)
        identity = str(await connection.fetchval(change_statements.IDENTITY))
    ends = ends_by_itself(address)
    async with (
        open_pool(address, session={**READS, **ends}) as pool,
        open_pool(address, size=_FEED_CONNECTIONS, session={**_CATCHING_UP, **ends}) as feed_pool,
    ):
        yield PostgresPorts(
            streams=PostgresStreams(pool, epoch),
            metrics=PostgresMetrics(pool, epoch),
            moments=PostgresMoments(pool, epoch),
            feed=PostgresFeed(feed_pool, epoch, address, interval_seconds=live_interval_seconds),
            probe=PostgresProbe(pool),
            pools=lambda: {"reads": pool.use(), "catch-up": feed_pool.use()},
            ticket_key=epoch.ticket_key,
            identity=identity,
        )


@asynccontextmanager
async def open_writer(address: PostgresAddress) -> AsyncIterator[PostgresWriter]:
    """
    Open a writer with one connection of its own.

    Raises:
        DatabaseUnavailable: the database can't be reached.

    """
    (await connect(address)).terminate()
    # A batch may wait for another writer's rows, which no reader does.
    patient = dataclasses.replace(address, command_timeout_seconds=_WRITE_SECONDS)
    async with open_pool(patient, size=1) as pool:
        yield PostgresWriter(pool)
