"""The page through faults of the service: it goes on by itself, and what was written meanwhile is on it."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from playwright.async_api import Browser, expect

from tests.browser.chromium import needs_browser, tab
from tests.browser.dashboard import LIVE, chart, charts, open_stream, table
from tests.browser.rows import describe, write_minutes
from tests.e2e.service import run_telemetra, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), needs_browser]

UNREACHED = (
    "ERR_CONNECTION_REFUSED",
    "WebSocket connection to",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
)


async def test_a_page_survives_a_killed_service_without_reload_and_without_a_hole(
    chromium: Browser, settings: dict[str, str], writer: asyncpg.Connection, tmp_path: Path
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(100))
    async with serving(tmp_path / "data", **settings) as service:
        port = str(urlsplit(service.url).port)
        async with tab(chromium, service.url, but=UNREACHED) as (here, _):
            page = await open_stream(here, "lofi")
            await page.evaluate("document.body.dataset.same = 'yes'")
            await service.end(signal.SIGKILL)
            await expect(page.get_by_text("Reconnecting")).to_be_visible()
            said = page.get_by_role("status").filter(has_not_text="Streams")
            await expect(said).to_have_text("The connection is lost. Reconnecting.")
            # More than a snapshot holds: only exact resumption brings them all.
            await write_minutes(writer, "lofi", range(100, 300))
            async with serving(tmp_path / "data", "--port", port, **settings):
                await expect(page.locator(LIVE)).to_be_visible(timeout=60_000)
                await expect(said).to_have_text("Connected again.")
                await expect(charts(page)).to_have_attribute("data-windows", "300")
                assert await chart(page, "holes") == "0"
                await write_minutes(writer, "lofi", range(300, 301))
                await expect(charts(page)).to_have_attribute("data-windows", "301")
                assert (await table(page))[0].messages == 100 + 300 % 37
                assert await page.evaluate("document.body.dataset.same") == "yes"


async def test_a_history_that_is_another_one_is_read_again(
    chromium: Browser, settings: dict[str, str], writer: asyncpg.Connection, tmp_path: Path
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(200))
    async with serving(tmp_path / "data", **settings) as service:
        port = str(urlsplit(service.url).port)
        async with tab(chromium, service.url, but=(*UNREACHED, "status of 422")) as (here, _):
            page = await open_stream(here, "lofi")
            await page.get_by_role("button", name="Show all there is").click()
            await expect(charts(page)).to_have_attribute("data-windows", "200")
            await service.end(signal.SIGKILL)
            # As after a restored snapshot of the disk: positions count no longer, and rows are gone without a trace.
            await writer.execute("set session_replication_role = replica")
            await writer.execute("delete from chat_summary_minute where window_start < '2026-05-01 18:50'")
            await writer.execute("set session_replication_role = origin")
            await write_minutes(writer, "lofi", range(200, 280))
            code = await _renewed(tmp_path, settings)
            assert code == 0
            async with serving(tmp_path / "data", "--port", port, **settings):
                await expect(page.locator(LIVE)).to_be_visible(timeout=60_000)
                await expect(charts(page)).to_have_attribute("data-windows", "230")
                assert await chart(page, "holes") == "0"


async def _renewed(tmp_path: Path, settings: dict[str, str]) -> int:
    return (await run_telemetra(tmp_path / "data", "epoch", "renew", **settings))[0]


async def test_a_network_that_is_away_is_told_and_the_page_goes_on_when_it_is_back(
    chromium: Browser, settings: dict[str, str], writer: asyncpg.Connection, tmp_path: Path
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(10))
    async with (
        serving(tmp_path / "data", **settings) as service,
        tab(chromium, service.url, but=(*UNREACHED, "ERR_INTERNET_DISCONNECTED")) as (here, context),
    ):
        page = await open_stream(here, "lofi")
        await context.set_offline(True)
        await expect(page.get_by_text("Offline", exact=True)).to_be_visible()
        await context.set_offline(False)
        await write_minutes(writer, "lofi", range(10, 20))
        await expect(charts(page)).to_have_attribute("data-windows", "20")
