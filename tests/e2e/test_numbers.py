"""The numbers of a real service: the lag from commit to socket, and those of several workers as one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from telemetra.adapters.embedded import find_running
from tests.databases import connected, to_address
from tests.e2e.following import following
from tests.e2e.service import START_SECONDS, Service, serving, when_healthy

_REQUESTS = "telemetra_http_request_duration_seconds_count"


async def numbers(service: Service) -> dict[str, float]:
    """Return what is told, by names alone: those of all labels together."""
    told: dict[str, float] = {}
    for family in text_string_to_metric_families((await service.get("/metrics")).text):
        for sample in family.samples:
            told[sample.name] = told.get(sample.name, 0) + sample.value
    return told


async def test_the_lag_from_commit_to_socket_is_measured(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as service:
        endpoints = find_running(tmp_path / "data")
        assert endpoints
        assert endpoints.postgres
        async with connected(to_address(endpoints.postgres)) as database:
            await database.execute("insert into streams (stream_id) values ('lofi')")
            async with following(tmp_path, service.url, "lofi") as follower:
                await follower.until(lambda: any(m["type"] == "snapshot" for m in follower.told))
                for count in range(10):
                    await database.execute(
                        "insert into chat_summary_minute (stream_id, window_start, window_end, chat_count) "
                        "select 'lofi', now(), now() + interval '1 minute', $1",
                        count,
                    )
                    await follower.until_told(count)
        told = await numbers(service)
        assert told["telemetra_live_delivery_lag_seconds_count"] == 10
        # No look is longer ago than its interval and what a busy machine adds to it; and it is never negative.
        assert 0 < told["telemetra_live_delivery_lag_seconds_sum"] < 10 * 2
        assert told["telemetra_postgres_pool_size"] > 0
        assert told["telemetra_postgres_connections"] >= 1


async def test_several_workers_tell_their_numbers_as_one(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", "--workers", "2") as service:
        await when_healthy(service)
        before = (await numbers(service))[_REQUESTS]
        # A connection each, so that the kernel deals them out to both.
        for _ in range(40):
            async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=20) as client:
                assert (await client.get("/api/v1/streams")).status_code == 200
        told = await numbers(service)
        # And the one that asked.
        assert told[_REQUESTS] - before == 41
        async with asyncio.timeout(START_SECONDS):
            while (told := await numbers(service))["telemetra_build_info"] != 2 or not told[  # noqa: ASYNC110  (nobody is told when numbers change)
                "telemetra_relay_leads"
            ]:
                await asyncio.sleep(0.1)
        # The deployment has one leader, and its bus is up or not, however many workers say so.
        assert told["telemetra_relay_leads"] == told["telemetra_bus_up"] == 1
        worker = next(
            process for process in service.family()[1:] if "spawn_main" in " ".join(process.cmdline())
        )
        worker.kill()
        await service.logged(event="worker_replaced")
        async with asyncio.timeout(START_SECONDS):
            while (told := await numbers(service))["telemetra_build_info"] != 2:  # noqa: ASYNC110  (nobody is told when numbers change)
                await asyncio.sleep(0.1)
        # What a worker had counted is not forgotten with it.
        assert told[_REQUESTS] - before >= 42
