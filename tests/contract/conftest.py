"""One suite, every implementation: a test asks for `world` and can't tell which one it got."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from telemetra.adapters.postgres import PostgresAddress
from tests.contract.backends import BACKENDS, open_memory_world, open_postgres_world, open_traced_world
from tests.contract.buses import BusWorld, open_memory_bus, open_redis_bus
from tests.contract.world import World


@pytest.fixture
async def memory_world() -> AsyncIterator[World]:
    async with open_memory_world() as world:
        yield world


@pytest.fixture
async def postgres_world(database: PostgresAddress) -> AsyncIterator[World]:
    async with open_postgres_world(database) as world:
        yield world


@pytest.fixture
async def traced_world() -> AsyncIterator[World]:
    async with open_traced_world() as world:
        yield world


@pytest.fixture(params=BACKENDS)
def world(request: pytest.FixtureRequest) -> World:
    """Return an empty world of one backend; the fixture that opens it is named by the parameter."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, World)
    return found


@pytest.fixture
async def memory_bus() -> AsyncIterator[BusWorld]:
    async with open_memory_bus() as world:
        yield world


@pytest.fixture
async def redis_bus(redis_url: str) -> AsyncIterator[BusWorld]:
    async with open_redis_bus(redis_url) as world:
        yield world
