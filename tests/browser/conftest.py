"""A browser for the whole run, and a service of each test's own on the run's engines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Browser

from telemetra.adapters.postgres import PostgresAddress
from tests.browser.chromium import browser
from tests.databases import connected
from tests.e2e.service import Service, external, serving


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with browser() as one:
        yield one


@pytest.fixture
def settings(database: PostgresAddress, redis_url: str) -> dict[str, str]:
    """The settings of a service on the test's own database."""
    return external(database, redis_url)


@pytest.fixture
async def service(tmp_path: Path, settings: dict[str, str]) -> AsyncIterator[Service]:
    async with serving(tmp_path / "data", **settings) as one:
        yield one


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody who writes rows and knows nothing of Telemetra."""
    async with connected(database) as connection:
        yield connection
