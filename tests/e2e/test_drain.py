"""A rolling deploy's first half: a service that was told to go says so before it does."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.e2e.following import following
from tests.e2e.service import END_SECONDS, serving, when_healthy

DRAINING = {"status": "draining", "database": "ok", "redis": "ok"}


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_service_that_drains_is_not_ready_and_serves(tmp_path: Path, workers: str) -> None:
    async with serving(tmp_path / "data", "--demo", "--workers", workers, DRAIN_SECONDS="3") as service:
        await when_healthy(service)
        async with following(tmp_path, service.url, "demo") as follower:
            service.process.send_signal(signal.SIGTERM)
            await when_healthy(service, DRAINING)
            # New connections, each: whoever has not looked at the health yet is still served.
            assert (await service.get("/api/v1/health")).status_code == 503
            assert (await service.get("/health")).status_code == 200
            assert (await service.get("/api/v1/streams/demo/metrics")).status_code == 200
            assert not any("1012" in line for line in follower.said)
            code = await asyncio.wait_for(service.process.wait(), END_SECONDS)
        assert code == 0


async def test_a_second_signal_ends_a_drain(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", DRAIN_SECONDS="600") as service:
        await when_healthy(service)
        service.process.send_signal(signal.SIGTERM)
        await when_healthy(service, DRAINING)
        assert await service.end(signal.SIGTERM) == 0
