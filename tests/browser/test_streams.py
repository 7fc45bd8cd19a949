"""The list of all streams, in a real browser on a real service."""

from __future__ import annotations

import json
import re

import asyncpg
import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.chromium import needs_browser, tab
from tests.browser.dashboard import charts, open_stream, open_streams, until_drawn
from tests.browser.prefixed import prefixed
from tests.browser.rows import describe, write_minutes
from tests.e2e.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), needs_browser]

UNTIL_READ_AGAIN = 12_000
"""Milliseconds after which the list is read again while it is seen."""
HOSTILE = (
    "<script>window.harmed = 1</script>",
    "\"><img src=x onerror='window.harmed = 1'>",
    "a/b/../c",
    "50% off & more?x=1#y",
    "ünïcödé \u202e\U0001f600 'quoted'",
    "javascript:window.harmed=1",
    " spaces ",
    "x" * 512,
)


async def until_read(page: Page, streams: int) -> None:
    """Turn the page's clock until it has read so many streams: an answer may be a tenth of a second old."""
    read = -1
    while read != streams:
        async with page.expect_response("**/api/v1/streams?*") as answered:
            await page.clock.fast_forward(UNTIL_READ_AGAIN)
        read = len(await (await answered.value).json())


async def test_who_has_no_streams_is_told_how_to_get_some(chromium: Browser, service: Service) -> None:
    async with tab(chromium, service.url) as (here, _):
        page = await open_streams(here)
        await expect(page.get_by_role("heading", name="No streams yet")).to_be_visible()
        await expect(page.get_by_text("telemetra replay")).to_be_visible()


async def test_streams_are_listed_with_their_newest_figures_and_opened(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi", "Lo-fi beats")
    await write_minutes(writer, "lofi", range(90))
    await describe(writer, "empty", "Nothing yet")
    async with tab(chromium, service.url) as (here, _):
        page = await open_streams(here)
        row = page.get_by_role("listitem").filter(has_text="Lo-fi beats")
        for text in ("lofi", "1.92", "1,089", "41"):
            await expect(row).to_contain_text(text)
        await expect(row.locator("svg path").last).to_have_attribute("d", re.compile("^M"))
        await row.get_by_role("link").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Lo-fi beats")
        assert page.url.endswith("/dashboard#/streams/lofi")
        await until_drawn(page)
        await page.go_back()
        await expect(page.get_by_role("heading", name="Streams")).to_be_visible()


async def test_hundreds_of_streams_cost_what_is_seen_of_them(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await writer.execute(
        "insert into streams (stream_id, title) select 'stream-' || n, 'Stream number ' || n from generate_series(1, 450) n"
    )
    async with tab(chromium, service.url) as (here, _):
        page = await open_streams(here)
        rows = page.get_by_role("listitem")
        await expect(rows).to_have_count(200)
        await expect(page.get_by_text("200+ streams")).to_be_visible()
        await page.wait_for_load_state("networkidle")
        assert 5 < sum("/metrics" in url for url in here.asked) < 60
        await page.get_by_role("button", name="Show more").click()
        await expect(rows).to_have_count(400)
        await page.get_by_label("Search the streams").fill("NUMBER 44")
        await expect(page.get_by_text("14 of 450 streams")).to_be_visible()
        await page.get_by_label("Search the streams").fill("not there")
        await expect(page.get_by_role("link", name="Open the stream with exactly this id")).to_be_visible()


async def test_a_list_that_can_t_be_read_says_why_and_comes_by_itself(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "one")
    problem = {
        "type": "about:blank",
        "title": "Away",
        "status": 503,
        "code": "database_unavailable",
        "detail": "It is away.",
    }
    async with tab(chromium, service.url, but=["status of 503"]) as (here, context):

        async def refuse(route: Route) -> None:
            await route.fulfill(
                status=503,
                headers={"Retry-After": "1"},
                content_type="application/problem+json",
                body=json.dumps(problem),
            )

        await context.route("**/api/v1/streams?*", refuse)
        page = await open_streams(here)
        notice = page.get_by_role("alert")
        await expect(notice).to_contain_text("The service is not available right now")
        await expect(notice).to_contain_text("It is away.")
        await context.unroute("**/api/v1/streams?*")
        await expect(page.get_by_role("listitem")).to_have_count(1)
        await expect(notice).to_have_count(0)


async def test_a_stream_that_is_new_comes_into_the_list_by_itself(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "one")
    async with tab(chromium, service.url) as (here, _):
        await here.page.clock.install()
        page = await open_streams(here)
        await expect(page.get_by_role("listitem")).to_have_count(1)
        await describe(writer, "two")
        await until_read(page, 2)
        await expect(page.get_by_role("listitem")).to_have_count(2)
        await expect(page.get_by_role("listitem").first).to_contain_text("two")
        await writer.execute("delete from streams where stream_id = 'one'")
        await until_read(page, 1)
        await expect(page.get_by_role("listitem")).to_have_count(1)


async def test_all_of_many_streams_that_are_new_at_once_can_be_had(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "one")
    async with tab(chromium, service.url) as (here, _):
        await here.page.clock.install()
        page = await open_streams(here)
        rows = page.get_by_role("listitem")
        await expect(rows).to_have_count(1)
        await writer.execute(
            "insert into streams (stream_id) select 'new-' || n from generate_series(1, 300) n"
        )
        await until_read(page, 200)
        await page.get_by_role("button", name="Show more").click()
        await expect(rows).to_have_count(301)
        await expect(page.get_by_text("301 streams")).to_be_visible()


@pytest.mark.parametrize("stream_id", HOSTILE, ids=range(len(HOSTILE)))
async def test_whatever_an_id_or_a_title_holds_is_text(
    chromium: Browser, service: Service, writer: asyncpg.Connection, stream_id: str
) -> None:
    await describe(writer, stream_id, stream_id)
    await write_minutes(writer, stream_id, range(3))
    await writer.execute("update chat_summary_minute set top_emotes = array[$1]", stream_id)
    await writer.execute(
        "insert into moments (moment_id, stream_id, timestamp, moment_type, description, metadata) "
        "values ($1, $1, '2026-05-01 18:01', 'chat_spike', $1, jsonb_build_object($1::text, $1::text))",
        stream_id,
    )
    async with tab(chromium, service.url) as (here, _):
        page = await open_streams(here)
        await page.get_by_role("listitem").get_by_role("link").click()
        await until_drawn(page)
        heading = page.get_by_role("heading", level=1)
        await expect(heading).to_have_js_property("textContent", stream_id.strip())
        page = await open_stream(here, stream_id)
        await page.locator(".moment-head").click()
        await expect(page.locator(".explanation")).to_be_visible()
        assert await page.locator(".emote").evaluate("element => element.textContent") == stream_id
        assert await page.evaluate("window.harmed") is None
        assert await page.locator("main script, main img").count() == 0


async def test_a_stream_that_no_address_can_name_is_listed_and_says_so(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "..", "Two dots")
    async with tab(chromium, service.url) as (here, _):
        page = await open_streams(here)
        await expect(page.get_by_role("listitem")).to_contain_text("Two dots")
        assert await page.get_by_role("listitem").get_by_role("link").count() == 0
        await page.goto(f"{service.url}/dashboard#/streams/..")
        await expect(page.get_by_role("heading", name="This stream can't be opened here")).to_be_visible()


async def test_the_page_works_below_a_prefix_of_a_proxy(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi", "Lo-fi beats")
    await write_minutes(writer, "lofi", range(20))
    async with prefixed(service.url, "/some/where") as url, tab(chromium, url) as (here, _):
        page = await open_streams(here)
        await page.get_by_role("listitem").get_by_role("link").click()
        await until_drawn(page)
        await write_minutes(writer, "lofi", range(20, 25))
        await expect(charts(page)).to_have_attribute("data-windows", "25")
        assert all("/some/where/" in address for address in here.asked)
