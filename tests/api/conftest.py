"""What the tests of the application share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from tests.api import live_server
from tests.api.http_service import Service, running
from tests.api.live_server import Serve


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The application, with a stream `lofi` of 250 windows and 120 moments, and its page of the list."""
    async with running(cors_origins=("https://ok.example",)) as started:
        await started.write("lofi", windows=250, moments=120)
        yield started


@pytest.fixture(params=["own connection class", "any server"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """What serves the live socket: by the connection class of its own, or by nothing but ASGI."""
    return partial(live_server.serve, stock=request.param == "any server")
