"""A rolling deploy's first half: a service that was told to go says so before it does."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.e2e.following import following
from tests.e2e.service import END_SECONDS, all_gone, serving, when_healthy

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


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_second_signal_ends_a_drain(tmp_path: Path, workers: str) -> None:
    async with serving(tmp_path / "data", "--workers", workers, DRAIN_SECONDS="600") as service:
        await when_healthy(service)
        service.process.send_signal(signal.SIGTERM)
        await when_healthy(service, DRAINING)
        assert await service.end(signal.SIGTERM) == 0


async def test_a_terminal_that_is_closed_ends_the_workers_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", "--workers", "2") as service:
        await when_healthy(service)
        assert await service.end(signal.SIGHUP) == 0


async def test_numbers_that_a_killed_service_left_are_removed(tmp_path: Path) -> None:
    def left() -> set[str]:
        return {entry.name for entry in tmp_path.glob("telemetra-numbers-*")}

    async with serving(tmp_path / "data", "--workers", "2", TMPDIR=str(tmp_path)) as service:
        await when_healthy(service)
        (killed,) = left()
        assert killed.startswith(f"telemetra-numbers-{service.process.pid}-")
        family = service.family()
        service.process.kill()
        await service.process.wait()
        await all_gone(family[1:])
    assert left() == {killed}
    async with serving(tmp_path / "data", "--workers", "2", TMPDIR=str(tmp_path)) as service:
        assert killed not in left()
        assert len(left()) == 1
    assert left() == set()
