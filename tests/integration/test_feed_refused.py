"""A server that answers and refuses: the feed takes it for one that is away, and says why once, without a traceback."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from telemetra.adapters.embedded import run_engines
from telemetra.adapters.postgres import PostgresAddress, open_postgres
from telemetra.adapters.postgres.connections import open_pool
from telemetra.adapters.postgres.epoch import Epoch
from telemetra.adapters.postgres.feed import PostgresFeed
from telemetra.adapters.postgres.migrations import migrate
from telemetra.domain.changes import Step
from telemetra.domain.errors import DatabaseUnavailable
from tests.databases import connected, to_address
from tests.engines import test_binaries
from tests.integration.test_grants import SERVICE, granted

__all__ = ["granted"]

PATIENCE_SECONDS = 20.0


async def why_it_is_lost(feed: PostgresFeed) -> str:
    """Follow until the feed has said why it can't, and has tried again."""
    with capture_logs() as logs:
        following = asyncio.ensure_future(anext(aiter(feed.steps())))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not (logs or following.done()):  # noqa: ASYNC110  (a list tells nobody)
                    await asyncio.sleep(0.05)
            await asyncio.wait({following}, timeout=0.5)
        finally:
            following.cancel()
            await asyncio.wait({following})
    (told,) = logs
    assert told["event"] == "change_feed_lost"
    return str(told["reason"])


async def leads(feed: PostgresFeed) -> bool:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [step async for step in feed.lead(lambda: None)] != []


async def test_an_address_that_leads_to_a_standby_is_told_as_such(tmp_path: Path) -> None:
    binaries = test_binaries()
    tmp_path.chmod(0o755)
    async with run_engines(tmp_path / "data", redis=False, binaries=binaries, durable=False) as engines:
        assert engines.postgres
        await migrate(to_address(engines.postgres))
    (tmp_path / "data" / "postgres" / "cluster" / "standby.signal").touch()
    async with run_engines(tmp_path / "data", redis=False, binaries=binaries, durable=False) as engines:
        assert engines.postgres
        address = to_address(engines.postgres)
        with pytest.raises(DatabaseUnavailable, match="a standby"):
            await open_postgres(address, live_interval_seconds=0.02).__aenter__()
        async with open_pool(address) as pool:
            feed = PostgresFeed(pool, Epoch(), address, interval_seconds=0.02)
            assert not await leads(feed)
            assert "a standby" in await why_it_is_lost(feed)


async def test_a_right_that_is_taken_away_is_told_as_such(granted: PostgresAddress) -> None:
    service = dataclasses.replace(granted, user=SERVICE, password="choose-one")
    async with connected(granted) as owner, open_pool(service) as pool:
        await owner.execute(f"revoke select on moments from {SERVICE}")
        feed = PostgresFeed(pool, Epoch(), service, interval_seconds=0.02)
        assert not await leads(feed)
        assert "permission denied for table moments" in await why_it_is_lost(feed)


async def test_what_was_told_to_be_lost_is_told_to_be_back(granted: PostgresAddress) -> None:
    service = dataclasses.replace(granted, user=SERVICE, password="choose-one")
    async with connected(granted) as owner, open_pool(service) as pool:
        await owner.execute(f"revoke select on moments from {SERVICE}")
        feed = PostgresFeed(pool, Epoch(), service, interval_seconds=0.02)
        with capture_logs() as logs:
            following = asyncio.ensure_future(anext(aiter(feed.steps())))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not logs:  # noqa: ASYNC110  (a list tells nobody)
                    await asyncio.sleep(0.05)
                await owner.execute(f"grant select on moments to {SERVICE}")
                await following
        assert [(line["event"], line["log_level"]) for line in logs] == [
            ("change_feed_lost", "warning"),
            ("change_feed_back", "info"),
        ]


async def first_led_step(feed: PostgresFeed) -> Step:
    steps = feed.lead(lambda: None)
    assert isinstance(steps, AsyncGenerator)
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(steps):
        return await anext(steps)


async def test_a_role_that_may_not_lead_is_told_so_once(granted: PostgresAddress) -> None:
    service = dataclasses.replace(granted, user=SERVICE, password="choose-one")
    async with connected(granted) as owner, open_pool(service) as pool:
        await owner.execute(f"revoke delete on removals from {SERVICE}")
        feed = PostgresFeed(pool, Epoch(), service, interval_seconds=0.02)
        with capture_logs() as logs:
            assert not await leads(feed)
            assert not await leads(feed)
        assert logs == [
            {
                "event": "change_feed_lead_refused",
                "reason": "permission denied for table removals",
                "log_level": "warning",
            }
        ]
        await owner.execute(f"grant delete on removals to {SERVICE}")
        await first_led_step(feed)


async def test_a_database_that_takes_no_writes_is_led_all_the_same(database: PostgresAddress) -> None:
    async with connected(database) as owner, open_pool(database) as pool:
        await owner.execute(f"alter database {database.database} set default_transaction_read_only = on")
        feed = PostgresFeed(pool, Epoch(), database, interval_seconds=0.02)
        with capture_logs() as logs:
            await first_led_step(feed)
        assert [line["event"] for line in logs] == ["removals_not_trimmed", "change_feed_led"]
        assert logs[0]["log_level"] == "warning"
        assert "default_transaction_read_only" in logs[0]["reason"]


async def test_a_restored_dump_in_a_database_that_takes_no_writes_keeps_nobody_from_leading(
    database: PostgresAddress,
) -> None:
    async with connected(database) as owner, open_pool(database) as pool:
        await owner.execute("insert into streams (stream_id) values ('s')")
        await owner.execute(
            "alter table streams disable trigger all; update streams set revision = '1000000000'"
        )
        await owner.execute("alter table streams enable trigger all")
        await owner.execute(f"alter database {database.database} set default_transaction_read_only = on")
        feed = PostgresFeed(pool, Epoch(), database, interval_seconds=0.02)
        with capture_logs() as logs:
            await first_led_step(feed)
        (told,) = [line for line in logs if line["event"] == "database_restored"]
        assert told["log_level"] == "error"
        assert "default_transaction_read_only" in told["reason"]
