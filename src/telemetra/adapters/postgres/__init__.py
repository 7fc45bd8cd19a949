"""PostgreSQL: the tables, their migrations, the reads, the writes and the feed of changes."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from telemetra.adapters.postgres import change_statements
from telemetra.adapters.postgres.connections import PostgresAddress, connect, first_connection, open_pool
from telemetra.adapters.postgres.epoch import Epoch, renew_epoch
from telemetra.adapters.postgres.feed import PostgresFeed
from telemetra.adapters.postgres.probe import PostgresProbe
from telemetra.adapters.postgres.readers import PostgresMetrics, PostgresMoments, PostgresStreams
from telemetra.adapters.postgres.schema import SCHEMA_REVISION, find_schema_revision, require_newest_schema
from telemetra.adapters.postgres.writer import PostgresWriter

__all__ = [
    "SCHEMA_REVISION",
    "PostgresAddress",
    "PostgresPorts",
    "find_schema_revision",
    "open_postgres",
    "open_writer",
    "renew_epoch",
    "require_newest_schema",
]

_WRITE_SECONDS = 60.0
_FEED_CONNECTIONS = 3
"""Catching up takes turns: many laggards at once must not take the database from the readers."""
_READS = {
    # Plans that are made once: a large table looks to the planner as if a plan for each page were worth it, which costs
    # as much as the page. Such a plan knows no limit; these leave it what gives the first rows first, an index in order.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPorts:
    """What PostgreSQL gives the service."""

    streams: PostgresStreams
    metrics: PostgresMetrics
    moments: PostgresMoments
    feed: PostgresFeed
    probe: PostgresProbe
    identity: str
    """Names this database for all processes that use it, by whatever name they know the server, also after a failover."""


@asynccontextmanager
async def open_postgres(
    address: PostgresAddress, *, live_interval_seconds: float
) -> AsyncIterator[PostgresPorts]:
    """
    Open the service's side of the database.

    Raises:
        DatabaseUnavailable: it can't be reached; the message names the address and the reason.

    """
    epoch = Epoch()
    async with first_connection(address) as connection:
        await epoch.refresh(connection)
        identity = str(await connection.fetchval(change_statements.IDENTITY))
    async with (
        open_pool(address, size=None, **_READS) as pool,
        open_pool(address, size=_FEED_CONNECTIONS, plan_cache_mode="force_custom_plan") as feed_pool,
    ):
        yield PostgresPorts(
            streams=PostgresStreams(pool, epoch),
            metrics=PostgresMetrics(pool, epoch),
            moments=PostgresMoments(pool, epoch),
            feed=PostgresFeed(feed_pool, epoch, address, interval_seconds=live_interval_seconds),
            probe=PostgresProbe(pool),
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
