"""The page by keyboard and by ear, in both themes, and on a phone."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.chromium import needs_browser, tab
from tests.browser.dashboard import charts, moved, open_stream, open_streams, show_table, span
from tests.browser.rows import describe, write_minutes, write_moment
from tests.e2e.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), needs_browser]

THEMES = ("light", "dark")
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 3,
}
LEAST_CONTRAST = 4.5

# The contrast (WCAG 2.2, 1.4.3) of each text that is seen, with its own ground: the nearest one that is not clear.
CONTRASTS = """() => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => rgba(colour).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const { backgroundColor } = getComputedStyle(one);
      if (rgba(backgroundColor)[3] === 255) return backgroundColor;
    }
    return "white";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest(".for-ears, .skip")) continue;
    const [one, other] = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => b - a);
    found.push([node.textContent.trim().slice(0, 40), (one + 0.05) / (other + 0.05)]);
  }
  return found;
}"""

# What can be used, with the name that it has for who listens (accessible name, without going into all of its rules).
NAMELESS = """() => [...document.querySelectorAll("button, a, input, select, summary, [tabindex='0'], [role=img], [role=application]")]
  .filter((element) => element.checkVisibility())
  .filter((element) => !(element.getAttribute("aria-label") || element.textContent.trim()
    || [...(element.labels ?? [])].some((label) => label.textContent.trim())))
  .map((element) => element.outerHTML.slice(0, 120))"""

STRUCTURE = """() => ({
  headings: [...document.querySelectorAll("h1, h2, h3")].filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1])),
  landmarks: [document.querySelectorAll("main").length, document.querySelectorAll("header").length],
  ids: [...document.querySelectorAll("[id]")].map((one) => one.id),
  described: [...document.querySelectorAll("[aria-describedby], [aria-labelledby], [aria-controls]")]
    .flatMap((one) => ["aria-describedby", "aria-labelledby", "aria-controls"].map((name) => one.getAttribute(name)))
    .filter(Boolean).filter((id) => !document.getElementById(id)),
  language: document.documentElement.lang,
  title: document.title,
})"""


async def whole_stream(writer: asyncpg.Connection) -> None:
    await describe(writer, "lofi", "Lo-fi beats to measure to")
    await write_minutes(writer, "lofi", range(300))
    await write_moment(writer, "lofi", 250, "Chat jumped to 412 messages, where about 62 were usual.")


async def every_state(page: Page) -> None:
    """Open all that can be opened on a stream's page."""
    await show_table(page)
    await page.locator(".moment-head").first.click()
    await page.locator(".menu summary").click()


@pytest.mark.parametrize("theme", THEMES)
async def test_all_text_stands_out_from_its_ground(
    chromium: Browser, service: Service, writer: asyncpg.Connection, theme: str
) -> None:
    await whole_stream(writer)
    async with tab(chromium, service.url, color_scheme=theme) as (here, _):
        page = await open_streams(here)
        await expect(page.get_by_role("listitem")).to_contain_text("1,299")
        seen = await page.evaluate(CONTRASTS)
        page = await open_stream(here, "lofi")
        await every_state(page)
        seen += await page.evaluate(CONTRASTS)
        await page.keyboard.press("?")
        seen += await page.evaluate(CONTRASTS)
        assert len(seen) > 300
        assert not [one for one in seen if one[1] < LEAST_CONTRAST]


async def test_whatever_can_be_used_has_a_name_and_the_page_an_order(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await whole_stream(writer)
    async with tab(chromium, service.url) as (here, _):
        for page in (await open_streams(here), await open_stream(here, "lofi")):
            if "#" in page.url:
                await every_state(page)
            assert await page.evaluate(NAMELESS) == []
            structure = await page.evaluate(STRUCTURE)
            assert structure["landmarks"] == [1, 1]
            assert structure["headings"][0] == 1
            assert structure["headings"].count(1) == 1
            assert len(set(structure["ids"])) == len(structure["ids"])
            assert structure["described"] == []
            assert structure["language"] == "en"
        assert structure["title"].startswith("Lo-fi beats to measure to")


async def test_everything_can_be_reached_and_used_by_keyboard(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await whole_stream(writer)
    async with tab(chromium, service.url) as (here, _):
        page = await open_streams(here)
        await page.keyboard.press("/")
        await expect(page.get_by_label("Search the streams")).to_be_focused()
        await page.keyboard.type("beats")
        await expect(page.get_by_text("1 of 1 stream")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("listitem").get_by_role("link")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(charts(page)).to_be_visible()
        reached = await tabbed_through(page)
        for name in (
            "Show one hour",
            "Show all there is",
            "Show more time",
            "Go to the newest window",
            "Table",
            "Download",
            "Charts of the stream",
            "Chat spike",
            "Keys and gestures",
            "Times in",
            "Colours",
            "All streams",
        ):
            assert any(name in one for one in reached), (name, reached)
        await charts(page).focus()
        before = await span(page)
        await page.keyboard.press("ArrowLeft")
        panned = await moved(page, before)
        assert panned[0] < before[0]
        await page.keyboard.press("+")
        narrow = await moved(page, panned)
        assert narrow[1] - narrow[0] < before[1] - before[0]
        await page.keyboard.press("End")
        await page.keyboard.press("Shift+ArrowLeft")
        await expect(page.get_by_role("status").filter(has_text="Chat rate")).to_contain_text("Viewers")
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await page.keyboard.press("g")
        await expect(page.get_by_role("heading", name="Streams")).to_be_focused()


async def tabbed_through(page: Page) -> list[str]:
    """Return the name of each thing that the Tab key comes to; each must show that it has the focus."""
    await page.evaluate("document.querySelector('h1').focus()")
    names: list[str] = []
    for _ in range(60):
        await page.keyboard.press("Tab")
        name, ring = await page.evaluate(
            """() => {
              const one = document.activeElement;
              const { outlineStyle, outlineWidth } = getComputedStyle(one);
              return [one === document.body ? "" : one.getAttribute("aria-label") || one.textContent.trim(),
                outlineStyle !== "none" && outlineWidth !== "0px"];
            }"""
        )
        if name:
            assert ring, name
        names.append(name)
    return names


@pytest.mark.parametrize("theme", THEMES)
async def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    chromium: Browser, service: Service, writer: asyncpg.Connection, theme: str
) -> None:
    await whole_stream(writer)
    await describe(writer, "x" * 300, "y" * 300)
    await describe(writer, "wide", "Ein-sehr-langes-Wort-" * 20)
    options = PHONE | {"color_scheme": theme, "timezone_id": "Asia/Calcutta"}
    async with tab(chromium, service.url, **options) as (here, _):
        page = await open_streams(here)
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        assert await page.locator(".brand").evaluate("brand => brand.scrollWidth <= brand.clientWidth")
        await page.get_by_role("button", name="Keys and gestures").click()
        await expect(page.get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
        await expect(page.get_by_role("dialog").get_by_role("heading", level=3).first).to_have_text(
            "With a pointer"
        )
        await page.keyboard.press("Escape")
        page = await open_stream(here, "lofi")
        await every_state(page)
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        await page.goto(f"{service.url}/dashboard#/streams/wide")
        await expect(page.get_by_role("heading", name="No windows yet")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_where_there_is_room_all_charts_are_seen_at_first_and_elsewhere_the_time_stands_before_them(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await whole_stream(writer)
    for width, height, is_whole in ((1280, 900, True), (1440, 900, True), (390, 844, False)):
        size: Any = {"width": width, "height": height}
        async with tab(chromium, service.url, viewport=size) as (here, _):
            page = await open_stream(here, "lofi")
            await expect(page.locator(".time-strip.is-before")).to_have_count(0 if is_whole else 1)
            bottom = await page.locator(".plots").evaluate("plots => plots.getBoundingClientRect().bottom")
            assert (bottom <= height) == is_whole
            await page.locator(".chart-foot").scroll_into_view_if_needed()
            await expect(page.locator(".time-strip.is-before")).to_have_count(0)


async def test_fingers_move_the_charts_sideways(
    chromium: Browser, service: Service, writer: asyncpg.Connection
) -> None:
    await whole_stream(writer)
    async with tab(chromium, service.url, **PHONE) as (here, context):
        page = await open_stream(here, "lofi")
        before = await span(page)
        box = await page.locator(".plots").bounding_box()
        assert box is not None
        fingers = await context.new_cdp_session(page)
        y = box["y"] + 60

        async def touch(kind: str, *places: float) -> None:
            await fingers.send(
                "Input.dispatchTouchEvent",
                {
                    "type": kind,
                    "touchPoints": [{"x": x, "y": y, "id": number} for number, x in enumerate(places)],
                },
            )

        await touch("touchStart", 150)
        for x in range(150, 260, 10):
            await touch("touchMove", x)
        await touch("touchEnd")
        dragged = await moved(page, before)
        assert dragged[1] < before[1]
        await touch("touchStart", 150, 200)
        for step in range(10):
            await touch("touchMove", 150 - 5 * step, 200 + 5 * step)
        await touch("touchEnd")
        async with asyncio.timeout(20):
            # Each touch is a frame of its own; the last one decides.
            pinched = await moved(page, dragged)
            while pinched[1] - pinched[0] >= (dragged[1] - dragged[0]) * 0.7:
                pinched = await moved(page, pinched)


async def test_a_theme_that_is_chosen_is_kept(chromium: Browser, service: Service) -> None:
    async with tab(chromium, service.url, color_scheme="light") as (here, _):
        page = await open_streams(here)
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        light = await page.evaluate(ground)
        switch = page.get_by_role("button", name="Colours")
        while "dark" not in (await switch.get_attribute("aria-label") or ""):
            await switch.click()
        assert await page.evaluate(ground) != light
        await page.reload()
        await expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
        assert await page.evaluate(ground) != light


async def test_who_lives_in_utc_is_told_so_and_everybody_where_the_api_is_documented(
    chromium: Browser, service: Service
) -> None:
    async with tab(chromium, service.url, timezone_id="Etc/UTC") as (here, _):
        page = await open_streams(here)
        await expect(page.get_by_role("button", name="Times in")).to_have_accessible_name(
            "Times in UTC. Change between local time and UTC"
        )
        for name, path in (("REST API", "docs"), ("Live updates", "asyncapi")):
            link = page.get_by_role("contentinfo").get_by_role("link", name=name)
            await expect(link).to_have_js_property("href", f"{service.url}/{path}")
