"""What the tests of the client share."""

from __future__ import annotations

import pytest

from tests.python_clients import CONNECTS, Connect


@pytest.fixture(params=CONNECTS)
def connect(request: pytest.FixtureRequest) -> Connect:
    """What opens a client: the one of threads, and the one of asyncio."""
    return CONNECTS[request.param]
