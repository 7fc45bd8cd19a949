"""Which programs the tests of the local engines run."""

from __future__ import annotations

import pytest

from telemetra.adapters.embedded import EngineBinaries
from tests.engines import test_binaries


@pytest.fixture(scope="session")
def binaries() -> EngineBinaries:
    return test_binaries()
