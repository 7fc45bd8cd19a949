"""Asks PostgreSQL whether it is there."""

from __future__ import annotations

from telemetra.adapters.postgres import statements
from telemetra.adapters.postgres.connections import PostgresPool


class PostgresProbe:
    """One small statement through the pool that requests use, so that a full pool is seen too."""

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def check(self) -> None:
        await self._pool.fetch(statements.PING)
