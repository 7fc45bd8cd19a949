"""A stream's page in a real browser, on a real service: what it shows is what is stored, and it is live."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.chromium import needs_browser, tab
from tests.browser.dashboard import (
    LIVE,
    chart,
    charts,
    figure,
    moved,
    on_the_wire,
    open_stream,
    open_streams,
    show_table,
    span,
    table,
    until_drawn,
)
from tests.browser.rows import MINUTE, START, chat_log, describe, write_minutes, write_moment
from tests.e2e.service import Service, run_telemetra

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), needs_browser]


async def test_what_a_replayed_log_s_page_shows_is_what_the_api_answers(
    chromium: Browser, service: Service, settings: dict[str, str], tmp_path: Path
) -> None:
    log = str(chat_log(tmp_path))
    code, _, error = await run_telemetra(
        tmp_path / "data", "replay", log, "--stream", "real", "--title", "A real log", **settings
    )
    assert code == 0, error
    stored = (await service.get("/api/v1/streams/real/metrics?limit=1000")).json()
    moments = (await service.get("/api/v1/streams/real/moments?limit=200")).json()
    async with tab(chromium, service.url) as (here, _):
        page = await open_stream(here, "real")
        await expect(page.get_by_role("heading", level=1)).to_have_text("A real log")
        await page.get_by_role("button", name="Show all there is").click()
        await expect(charts(page)).to_have_attribute("data-drawn", str(len(stored)))
        await expect(charts(page)).to_have_attribute("data-history", "whole")
        rows = await table(page)
        assert len(rows) == 200
        for row, window in zip(rows, stored, strict=False):
            assert row.start == window["window_start"].replace("Z", ".000Z")
            assert (row.messages, row.chatters) == (window["chat_count"], window["unique_chatters"])
            assert row.emotes == " ".join(window["top_emotes"])
            for shown, told in ((row.rate, window["chat_rate"]), (row.sentiment, window["avg_sentiment"])):
                assert (shown is None) == (told is None)
                assert told is None or shown == pytest.approx(told, abs=0.006, rel=0.005)
        assert await figure(page, "messages") == str(stored[0]["chat_count"])
        listed = page.locator("[data-moment]")
        await expect(listed).to_have_count(len(moments))
        ids = await listed.evaluate_all("items => items.map((item) => item.dataset.moment)")
        assert ids == [moment["moment_id"] for moment in moments]
        await expect(listed.first).to_contain_text(moments[0]["description"])


async def test_a_new_window_is_on_the_page_within_a_second_of_its_commit(
    chromium: Browser,
    service: Service,
    writer: asyncpg.Connection,
    record_property: Callable[[str, object], None],
) -> None:
    await describe(writer, "lofi", "Lo-fi")
    await write_minutes(writer, "lofi", range(120))
    async with tab(chromium, service.url) as (here, _):
        page = await open_stream(here, "lofi")
        seen = page.locator("[data-figure=messages]")
        delays = []
        for minute in range(120, 130):
            wanted = str(100 + minute % 37)
            await write_minutes(writer, "lofi", range(minute, minute + 1))
            committed = time.perf_counter()
            await expect(seen).to_have_text(wanted, timeout=1000)
            delays.append(time.perf_counter() - committed)
        assert await chart(page, "holes") == "0"
        await expect(charts(page)).to_have_attribute("data-windows", "130")
    worst = max(delays) * 1000
    record_property(
        "figures", f"dashboard: commit to figure in the page, worst of {len(delays)}: {worst:.0f} ms"
    )


@pytest.mark.parametrize(
    ("begins_in_minutes", "badge", "listed", "told"),
    [
        (-2, "Live", "live", "ended"),
        (-49 * 60, "Connected", "2 days ago", "ended"),
        (125, "Connected", "in 2 hr.", "ends in"),
    ],
)
async def test_only_what_happens_now_is_called_live(
    chromium: Browser,
    service: Service,
    writer: asyncpg.Connection,
    begins_in_minutes: int,
    badge: str,
    listed: str,
    told: str,
) -> None:
    await describe(writer, "lofi")
    begin = datetime.now(UTC) + begins_in_minutes * MINUTE
    await write_minutes(writer, "lofi", range(1), start=begin)
    async with tab(chromium, service.url) as (here, _):
        page = await open_streams(here)
        await expect(page.locator(".row-activity")).to_have_text(listed)
        page = await open_stream(here, "lofi")
        await expect(page.locator(".badge")).to_have_text(badge)
        await expect(page.locator(".when")).to_contain_text(told)


async def test_rewritten_late_and_removed_windows_are_taken_up(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(50))
    await write_minutes(writer, "lofi", range(53, 60))
    async with tab(chromium, service.url) as (here, _):
        page = await open_stream(here, "lofi")
        await expect(charts(page)).to_have_attribute("data-holes", "1")
        # Late ones close the hole.
        await write_minutes(writer, "lofi", range(50, 53))
        await expect(charts(page)).to_have_attribute("data-holes", "0")
        await expect(charts(page)).to_have_attribute("data-windows", "60")
        await writer.execute(
            "update chat_summary_minute set chat_count = 4321 where window_start = $1",
            (START + 59 * MINUTE).replace(tzinfo=None),
        )
        await expect(page.locator("[data-figure=messages]")).to_have_text("4,321")
        await writer.execute(
            "delete from chat_summary_minute where window_start between $1 and $2",
            (START + 20 * MINUTE).replace(tzinfo=None),
            (START + 22 * MINUTE).replace(tzinfo=None),
        )
        await expect(charts(page)).to_have_attribute("data-windows", "57")
        await expect(charts(page)).to_have_attribute("data-holes", "1")
        await writer.execute("update streams set title = 'A new title'")
        await expect(page.get_by_role("heading", level=1)).to_have_text("A new title")
        await writer.execute("truncate chat_summary_minute")
        await expect(page.get_by_role("heading", name="No windows yet")).to_be_visible()
        await write_minutes(writer, "lofi", range(70, 72))
        await expect(charts(page)).to_have_attribute("data-windows", "2")


async def test_of_overlapping_windows_one_length_is_drawn_and_the_other_can_be_chosen(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(60))
    await writer.execute(
        """
        insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters, chat_rate)
        select 'lofi', window_start, window_start + interval '5 minutes', 5 * chat_count, 60, chat_rate from chat_summary_minute
        where extract(minute from window_start)::int % 2 = 0
        """
    )
    async with tab(chromium, service.url) as (here, _):
        page = await open_stream(here, "lofi")
        await expect(charts(page)).to_have_attribute("data-windows", "60")
        await page.get_by_label("Which windows are drawn").select_option("Windows of 5 min")
        await expect(charts(page)).to_have_attribute("data-windows", "30")
        await expect(charts(page)).to_have_attribute("data-holes", "0")


async def test_a_moment_leads_to_its_place_in_the_charts_and_back(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(1500))
    await write_moment(writer, "lofi", 200, "Chat jumped to 412 messages, where about 62 were usual.")
    async with tab(chromium, service.url) as (here, _):
        page = await open_stream(here, "lofi")
        before = await span(page)
        head = page.locator("[data-moment=moment-200] button")
        await head.click()
        await expect(head).to_have_attribute("aria-expanded", "true")
        explanation = page.locator("[data-moment=moment-200] .explanation")
        for text in (
            "chat_count",
            "412",
            "180",
            "+7.25",
            "Baseline, windows",
            "30",
            "Usual value",
            "61.5",
            "log_level",
        ):
            await expect(explanation).to_contain_text(text)
        there = START + 200 * MINUTE
        await expect(charts(page)).to_have_attribute("data-drawn", "180")
        start, end = await span(page)
        assert start < there < end
        assert int(await chart(page, "drawn")) == (end - start) // MINUTE
        await page.get_by_role("button", name="Go back to where you were").click()
        await expect(charts(page)).to_have_attribute("data-to", on_the_wire(before[1]))
        # A new one is listed and marked as it is detected.
        await write_moment(writer, "lofi", 1499, "Again.")
        await expect(page.locator("[data-moment]")).to_have_count(2)


async def test_escape_leaves_a_moment_wherever_the_focus_is(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(1500))
    await write_moment(writer, "lofi", 1400, "Chat jumped.")
    async with tab(chromium, service.url) as (here, _):
        page = await open_stream(here, "lofi")
        before = await span(page)
        head = page.locator(".moment-head")
        for place in ("list", "charts", "nowhere", "mark"):
            if place == "mark":
                await press_in_charts(page, (START + 1400 * MINUTE - before[0]) / (before[1] - before[0]))
            else:
                await head.click()
                await moved(page, before)
            await expect(head).to_have_attribute("aria-expanded", "true")
            if place == "charts":
                await charts(page).focus()
            elif place == "nowhere":
                await head.evaluate("element => element.blur()")
            await page.keyboard.press("Escape")
            await expect(head).to_have_attribute("aria-expanded", "false")
            await expect(charts(page)).to_have_attribute("data-to", on_the_wire(before[1]))
            if place == "list":
                await expect(head).to_be_focused()


async def press_in_charts(page: Page, share: float) -> None:
    """Press where so large a share of the time that is shown lies before."""
    box = await page.locator(".plots").bounding_box()
    assert box is not None
    left, right = 52, 10
    await page.mouse.click(box["x"] + left + share * (box["width"] - left - right), box["y"] + 100)


async def test_older_windows_are_read_as_one_pans_until_history_ends(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(3000))
    async with tab(chromium, service.url) as (here, _):
        page = await open_stream(here, "lofi")
        await expect(charts(page)).to_have_attribute("data-history", "more")
        box = await page.locator(".plots").bounding_box()
        assert box is not None
        await page.get_by_role("button", name="Show one day").click()
        reached = await span(page)
        while await chart(page, "history") != "whole":
            await page.mouse.move(box["x"] + 100, box["y"] + 100)
            await page.mouse.down()
            await page.mouse.move(box["x"] + 800, box["y"] + 100, steps=5)
            await page.mouse.up()
            further = await moved(page, reached)
            assert further[0] < reached[0]
            reached = further
            await expect(charts(page)).not_to_have_attribute("data-history", "missing")
        await expect(charts(page)).to_have_attribute("data-windows", "3000")
        await expect(page.get_by_text("All of its history")).to_be_visible()
        await charts(page).focus()
        await page.keyboard.press("End")
        await expect(charts(page)).to_have_attribute("data-to", re.compile("^2026-05-03T20:"))


async def test_all_that_is_more_than_can_be_drawn_says_so_and_leads_to_the_whole(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(600))
    await write_minutes(writer, "lofi", range(60_000, 60_600))
    async with tab(chromium, service.url, accept_downloads=True) as (here, _):
        page = await open_stream(here, "lofi")
        await page.get_by_role("button", name="Show all there is").click()
        await expect(page.get_by_text("no more than 45,000 windows are drawn")).to_be_visible()
        async with page.expect_download() as started:
            await page.get_by_role("link", name="All windows, CSV").click()
        text = (await (await started.value).path()).read_text()
        assert len(text.splitlines()) == 1200 + 1


async def test_reading_that_fails_in_the_middle_says_so_and_goes_on(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(3000))
    async with tab(chromium, service.url, but=["status of 503"]) as (here, context):
        page = await open_stream(here, "lofi")
        answered = 0

        async def fail_once(route: Route) -> None:
            nonlocal answered
            answered += 1
            if answered == 1:
                await route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")
            else:
                await route.continue_()

        await context.route("**/metrics?*end_time=*", fail_once)
        await page.get_by_role("button", name="Show seven days").click()
        await expect(page.get_by_text("Older windows could not be read")).to_be_visible()
        await expect(charts(page)).to_have_attribute("data-windows", "3000")
        await expect(charts(page)).to_have_attribute("data-history", "whole")


async def test_a_stream_that_nobody_knows_is_told_and_shown_when_it_comes(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    async with tab(chromium, service.url, but=["status of 404"]) as (here, _):
        await here.page.goto(f"{service.url}/dashboard#/streams/nobody")
        await expect(here.page.get_by_role("heading", name="There is no such stream")).to_be_visible()
        await write_minutes(writer, "nobody", range(5))
        await here.page.get_by_role("button", name="Try again").click()
        await until_drawn(here.page)


async def test_a_stream_that_is_deleted_while_it_is_open_is_no_stream_until_it_is_written_again(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(5))
    async with tab(chromium, service.url, but=["status of 404"]) as (here, _):
        page = await open_stream(here, "lofi")
        await writer.execute("delete from chat_summary_minute")
        await expect(page.get_by_role("heading", name="No windows yet")).to_be_visible()
        await expect(page.locator(LIVE)).to_be_visible()
        await writer.execute("delete from streams")
        await expect(page.get_by_role("heading", name="There is no such stream")).to_be_visible()
        await expect(page.locator(LIVE)).to_be_hidden()
        await write_minutes(writer, "lofi", range(5, 8))
        await expect(charts(page)).to_have_attribute("data-windows", "3")
        await expect(page.locator(LIVE)).to_be_visible()
        await expect(page.get_by_role("alert")).to_have_count(0)


async def test_the_table_and_the_emotes_are_of_what_is_in_view(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await describe(writer, "lofi")
    await write_minutes(writer, "lofi", range(600))
    await writer.execute(
        "update chat_summary_minute set top_emotes = array['OldOne'] where window_start < $1",
        (START + 60 * MINUTE).replace(tzinfo=None),
    )
    async with tab(chromium, service.url) as (here, _):
        page = await open_stream(here, "lofi")
        await show_table(page)
        emotes = page.locator(".emotes li")
        await expect(emotes).to_have_count(2)
        await charts(page).focus()
        await page.keyboard.press("Home")
        await expect(charts(page)).to_have_attribute("data-history", "whole")
        await page.keyboard.press("Home")
        await expect(page.locator(".emotes")).to_contain_text("OldOne")
        oldest = page.locator("#windows-table tbody tr").last
        await expect(oldest).to_have_attribute("data-start", on_the_wire(START))
        await page.get_by_role("button", name="Times in").click()
        await expect(page.get_by_role("button", name="Times in UTC")).to_be_visible()
        await expect(oldest).to_contain_text("18:00:00")


async def test_what_is_in_view_is_downloaded_as_a_file(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    stream_id = "lo/fi \N{LATIN SMALL LETTER U WITH DIAERESIS}"
    await describe(writer, stream_id)
    await write_minutes(writer, stream_id, range(600))
    async with tab(chromium, service.url, accept_downloads=True) as (here, _):
        page = await open_stream(here, stream_id)
        await page.get_by_role("button", name="Show one hour").click()
        await expect(charts(page)).to_have_attribute("data-drawn", "58")
        for name, lines in (("Windows in view, CSV", 58 + 1), ("All windows, CSV", 600 + 1)):
            await page.get_by_text("Download", exact=True).click()
            async with page.expect_download() as started:
                await page.get_by_role("link", name=name).click()
            text = (await (await started.value).path()).read_text()
            assert len(text.splitlines()) == lines
            await page.keyboard.press("Escape")
