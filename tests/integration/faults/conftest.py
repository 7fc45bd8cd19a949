"""Servers that a test may harm."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.own_postgres import OwnPostgres, own_postgres


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[OwnPostgres]:
    """A PostgreSQL of this module's own."""
    async with own_postgres() as own:
        yield own
