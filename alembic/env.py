"""Runs the migrations on the connection that the caller opened, locked and will commit."""

from __future__ import annotations

from alembic import context

from telemetra.adapters.postgres.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Migrations run by `telemetra migrate`, which opens and locks the database.")
context.configure(connection=connection, target_metadata=metadata, version_table="telemetra_schema")
context.run_migrations()
