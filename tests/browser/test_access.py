"""The page where the service asks for tokens: it asks its reader, and the token goes nowhere else."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Browser, expect

from tests.browser.chromium import needs_browser, tab
from tests.browser.dashboard import LIVE, address_of, charts, until_drawn
from tests.browser.rows import describe, write_minutes
from tests.e2e.service import run_telemetra, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), needs_browser]

REFUSED = ("status of 401", "status of 403")
NO_EDL = "status of 422"


async def made_token(tmp_path: Path, name: str, *arguments: str) -> str:
    """Return a token's text, and add what is kept of it to the file."""
    code, kept, told = await run_telemetra(tmp_path / "data", "token", name, *arguments)
    assert code == 0, told
    with (tmp_path / "tokens.toml").open("a") as file:
        file.write(kept)
    return next(word for word in told.split() if word.startswith("tlm_"))


async def test_a_page_asks_for_a_token_keeps_it_and_is_live_with_it(
    chromium: Browser, settings: dict[str, str], writer: asyncpg.Connection, tmp_path: Path
) -> None:
    await describe(writer, "lofi", "Lo-fi")
    await write_minutes(writer, "lofi", range(20))
    token = await made_token(tmp_path, "reader")
    tokens = {"API_TOKENS_FILE": str(tmp_path / "tokens.toml")}
    async with (
        serving(tmp_path / "data", **settings, **tokens) as service,
        tab(chromium, service.url, but=[*REFUSED, NO_EDL]) as (here, context),
    ):
        page = here.page
        await page.goto(address_of(service.url, "lofi"))
        field = page.get_by_label("Token")
        await expect(field).to_be_focused()
        await field.fill("tlm_wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="This token is not known here")).to_be_visible()
        await page.get_by_label("Token").fill(f"  {token}\n")
        await page.get_by_role("button", name="Use it").click()
        await until_drawn(page)
        await expect(page.locator(LIVE)).to_be_visible()
        await write_minutes(writer, "lofi", range(20, 25))
        await expect(charts(page)).to_have_attribute("data-windows", "25")
        await page.get_by_text("Download", exact=True).click()
        async with page.expect_download() as started:
            await page.get_by_role("link", name="All windows, CSV").click()
        assert len((await (await started.value).path()).read_text().splitlines()) == 25 + 1
        await writer.execute(
            "insert into moments (moment_id, stream_id, timestamp, moment_type) values ('m', 'lofi', '2026-05-09', 'chat_spike')"
        )
        await page.get_by_role("link", name="Moments as EDL").click()
        await expect(page.get_by_role("alert")).to_contain_text("A timecode ends after 24 hours")
        await page.reload()
        await until_drawn(page)
        assert not any(token in url for url in here.asked)
        assert await page.evaluate("[...Object.values(localStorage)].join()") == ""
        # Another tab asks again.
        other = await context.new_page()
        await other.goto(address_of(service.url))
        await expect(other.get_by_label("Token")).to_be_visible()
        await page.get_by_role("button", name="Forget the token").click()
        await expect(page.get_by_label("Token")).to_be_visible()


async def test_a_token_that_is_taken_back_is_asked_for_again(
    chromium: Browser, settings: dict[str, str], writer: asyncpg.Connection, tmp_path: Path
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(20))
    token = await made_token(tmp_path, "reader")
    await made_token(tmp_path, "another")
    file = tmp_path / "tokens.toml"
    async with (
        serving(tmp_path / "data", **settings, API_TOKENS_FILE=str(file)) as service,
        tab(chromium, service.url, but=REFUSED) as (here, _),
    ):
        page = here.page
        await page.goto(address_of(service.url, "lofi"))
        await page.get_by_label("Token").fill(token)
        await page.keyboard.press("Enter")
        await expect(page.locator(LIVE)).to_be_visible()
        file.write_text("")
        await made_token(tmp_path, "another")
        await expect(page.get_by_role("heading", name="This token is not known here")).to_be_visible()


async def test_a_token_for_some_streams_shows_those_and_says_so_of_others(
    chromium: Browser, settings: dict[str, str], writer: asyncpg.Connection, tmp_path: Path
) -> None:
    for stream_id in ("mine", "theirs"):
        await describe(writer, stream_id)
        await write_minutes(writer, stream_id, range(20))
    token = await made_token(tmp_path, "narrow", "--stream", "mine")
    tokens = {"API_TOKENS_FILE": str(tmp_path / "tokens.toml")}
    async with (
        serving(tmp_path / "data", **settings, **tokens) as service,
        tab(chromium, service.url, but=REFUSED) as (here, _),
    ):
        page = here.page
        await page.goto(address_of(service.url))
        await page.get_by_label("Token").fill(token)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("listitem")).to_have_count(1)
        await page.goto(address_of(service.url, "theirs"))
        await expect(page.get_by_role("heading", name="This token is not for that")).to_be_visible()
        await page.goto(address_of(service.url, "mine"))
        await until_drawn(page)
