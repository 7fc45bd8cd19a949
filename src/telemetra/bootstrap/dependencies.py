"""What has to run, and to stand at the newest schema, before anything is served: engines and database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from telemetra.adapters.embedded import DataDirectoryInUse, EngineEndpoints, find_running, run_engines
from telemetra.adapters.postgres import SCHEMA_REVISION, find_schema_revision, require_newest_schema
from telemetra.adapters.postgres import renew_epoch as renew_postgres_epoch
from telemetra.bootstrap.servers import postgres_address, with_endpoints
from telemetra.settings import Settings

_JOIN_SECONDS: Final = 30.0
_JOIN_RETRY_SECONDS: Final = 0.1


@asynccontextmanager
async def run_dependencies(
    settings: Settings, *, share: bool = False, migrating: bool = True, redis: bool = True
) -> AsyncIterator[Settings]:
    """
    Run the embedded engines that the settings leave open, and yield settings that name every server.

    With `share`, engines that another process runs on the same data directory are used. The database has the newest
    schema when this yields: an embedded one is migrated (unless `migrating` is off), another one must have been. With
    `redis` off, none is started for its sake alone.

    Raises:
        DataDirectoryInUse: another process runs the engines, and `share` is off.
        EngineFailed: an embedded engine does not start.
        SchemaOutdated: the operator's own database lacks a migration.
        DatabaseUnavailable: the operator's own database can't be reached.

    """
    embedded = settings.embedded_postgres
    async with AsyncExitStack() as stack:
        if embedded or (redis and settings.embedded_redis):
            endpoints = await _join_or_start(settings, stack, share=share)
            settings = with_endpoints(settings, endpoints)
        if migrating:
            await bring_schema(settings, embedded=embedded)
        yield settings


async def bring_schema(settings: Settings, *, embedded: bool) -> None:
    """Migrate an embedded database that needs it; another one must have been."""
    address = postgres_address(settings)
    if not embedded:
        await require_newest_schema(address)
    elif await find_schema_revision(address) != SCHEMA_REVISION:
        await migrate_database(settings)


async def migrate_database(settings: Settings) -> str | None:
    """
    Bring the database to the newest schema and return that.

    Raises:
        MigrationFailed: a statement was refused; nothing was changed.
        DatabaseUnavailable: it can't be reached.

    """
    # The migrations' libraries take longer to load than the service to start: only those pay who migrate.
    from telemetra.adapters.postgres.migrations import migrate  # noqa: PLC0415

    return await migrate(postgres_address(settings))


async def renew_epoch(settings: Settings) -> int:
    """
    Begin another history of the database: every position given out so far is refused. Returned are the rows re-stamped.

    Raises:
        DatabaseUnavailable: it can't be reached, or the role may not do it.

    """
    return await renew_postgres_epoch(postgres_address(settings))


async def _join_or_start(settings: Settings, stack: AsyncExitStack, *, share: bool) -> EngineEndpoints:
    """Use the engines that another process runs, or run them until `stack` closes; several may come at once."""
    deadline = asyncio.get_running_loop().time() + _JOIN_SECONDS
    while True:
        endpoints = find_running(settings.telemetra_data_dir) if share else None
        if endpoints is not None:
            return endpoints
        try:
            return await stack.enter_async_context(
                run_engines(
                    settings.telemetra_data_dir,
                    postgres=settings.embedded_postgres,
                    redis=settings.embedded_redis,
                )
            )
        except DataDirectoryInUse as error:
            # Its owner is about to start the engines, or to stop them.
            if not share or asyncio.get_running_loop().time() > deadline:
                if not settings.embedded_postgres:
                    error.add_note(
                        "it is needed only for the embedded Valkey: REDIS_URL names one of your own"
                    )
                raise
            await asyncio.sleep(_JOIN_RETRY_SECONDS)
