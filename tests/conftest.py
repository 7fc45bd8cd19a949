"""What every suite may ask for: real engines, and databases in them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from telemetra.adapters.embedded import EngineEndpoints, PostgresEndpoint
from telemetra.adapters.postgres import PostgresAddress
from tests.databases import fresh_database, make_template
from tests.engines import run_test_engines


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything that a test needs is there: one that is skipped is one that does not test."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        reporter.write_line("Skipped tests are failures here.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests took down, by `record_property("figures", ...)`: whoever runs them wants to see them."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "figures" and report.when == "call":
                terminalreporter.write_line(str(text))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has a target of its own, unless it is asked for: by `-m`, or by its own name."""
    if config.option.markexpr:
        return
    names = [argument.partition("::")[2] for argument in config.args]
    left_out = [
        item
        for item in items
        if any(map(item.get_closest_marker, ("slow_fault", "browser")))
        and not any(name and item.nodeid.partition("::")[2].startswith(name) for name in names)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
async def engines() -> AsyncIterator[EngineEndpoints]:
    """Run a PostgreSQL and a Valkey of this test run's own."""
    async with run_test_engines() as endpoints:
        yield endpoints


@pytest.fixture(scope="session")
def postgres(engines: EngineEndpoints) -> PostgresEndpoint:
    assert engines.postgres is not None
    return engines.postgres


@pytest.fixture(scope="session")
def redis_url(engines: EngineEndpoints) -> str:
    assert engines.redis is not None
    return engines.redis.url


@pytest.fixture(scope="session")
async def template(postgres: PostgresEndpoint) -> str:
    return await make_template(postgres)


@pytest.fixture
async def empty_database(postgres: PostgresEndpoint) -> AsyncIterator[PostgresAddress]:
    """A database that nobody migrated."""
    async with fresh_database(postgres) as address:
        yield address


@pytest.fixture
async def database(postgres: PostgresEndpoint, template: str) -> AsyncIterator[PostgresAddress]:
    """A database at the newest schema, without rows."""
    async with fresh_database(postgres, template=template) as address:
        yield address
