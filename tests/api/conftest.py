"""What the tests of the application share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.http_service import Service, running


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The application, with a stream `lofi` of 250 windows and 120 moments, and its page of the list."""
    async with running(cors_origins=("https://ok.example",)) as started:
        await started.write("lofi", windows=250, moments=120)
        yield started
