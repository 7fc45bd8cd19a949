"""Brings a database to the newest schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from advanced_alchemy.alembic.commands import AlembicCommands
from advanced_alchemy.config import AlembicAsyncConfig, SQLAlchemyAsyncConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from telemetra.adapters.postgres.connections import PostgresAddress, connect, connect_arguments
from telemetra.adapters.postgres.schema import VERSION_TABLE
from telemetra.adapters.postgres.tables import metadata
from telemetra.domain.errors import MigrationFailed

# Any constant that no other program locks by chance: the bytes of 'telemetr'.
_MIGRATION_LOCK: Final = int.from_bytes(b"telemetr", "big")


def migrations_path() -> Path:
    """Return the folder of the migrations: inside an installed package, else the checkout's `alembic/`."""
    packaged = Path(__file__).with_name("alembic")
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "alembic"


async def migrate(address: PostgresAddress, *, to: str = "head") -> str | None:
    """
    Bring the database to schema revision `to` and return it; all of it or nothing.

    Two that run at once wait for each other: an advisory lock is held until the one transaction commits. A revision
    older than the present one goes down.

    Raises:
        MigrationFailed: a statement was refused, or a newer version migrated this database; nothing was changed.
        DatabaseUnavailable: the database can't be reached.

    """
    (await connect(address)).terminate()
    engine = _engine(address)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            await connection.run_sync(_run, engine, to)
            return await connection.run_sync(_current)
    except DBAPIError as error:
        raise MigrationFailed(str(error.orig)) from error
    finally:
        await engine.dispose()


def _engine(address: PostgresAddress) -> AsyncEngine:
    return create_async_engine("postgresql+asyncpg://", connect_args=connect_arguments(address))


def _run(connection: Connection, engine: AsyncEngine, to: str) -> None:
    config = SQLAlchemyAsyncConfig(
        engine_instance=engine,
        metadata=metadata,
        alembic_config=AlembicAsyncConfig(
            script_location=str(migrations_path()), version_table_name=VERSION_TABLE
        ),
    )
    commands = AlembicCommands(config)
    commands.config.attributes["connection"] = connection
    if _goes_down(_known(_current(connection)), to):
        commands.downgrade(to)
    else:
        commands.upgrade(to)


def _known(current: str | None) -> str | None:
    if current is not None and current not in _revisions():
        raise MigrationFailed(
            f"A newer Telemetra migrated the database, to schema revision {current}: run that version."
        )
    return current


def _goes_down(current: str | None, to: str) -> bool:
    if to == "head":
        return False
    if to == "base":
        return True
    newer = _revisions()
    return current is not None and newer.index(current) < newer.index(to)


def _revisions() -> list[str]:
    """Return the names of all that there are, the newest first."""
    return [script.revision for script in ScriptDirectory(str(migrations_path())).walk_revisions()]


def _current(connection: Connection) -> str | None:
    options: dict[str, Any] = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()
