"""The dashboard as somebody uses it: where things are on its pages, and what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from playwright.async_api import Locator, Page, expect

from tests.browser.chromium import PATIENCE_MILLISECONDS, Tab

expect.set_options(timeout=PATIENCE_MILLISECONDS)

LIVE = "[data-state=live], [data-state=connected]"
"""Where the page says that changes come: of a stream of now, or of one that has ended."""
_ANY_NUMBER = re.compile("[1-9]")
_NOTHING, _MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Row:
    """A window as the table of values shows it; None where a dash stands."""

    start: str
    messages: int
    rate: float | None
    chatters: int
    viewers: float | None
    sentiment: float | None
    emotes: str


def address_of(url: str, stream_id: str | None = None) -> str:
    return f"{url}/dashboard" + ("" if stream_id is None else f"#/streams/{quote(stream_id, safe='')}")


async def open_streams(tab: Tab) -> Page:
    await tab.page.goto(address_of(tab.url))
    await expect(tab.page.get_by_role("heading", name="Streams", level=1)).to_be_visible()
    return tab.page


async def open_stream(tab: Tab, stream_id: str) -> Page:
    """Open a stream's page, and wait until it is live and its charts are drawn."""
    await tab.page.goto(address_of(tab.url, stream_id))
    await until_drawn(tab.page)
    await expect(tab.page.locator(LIVE)).to_be_visible()
    return tab.page


async def until_drawn(page: Page) -> None:
    await expect(charts(page)).to_have_attribute("data-drawn", _ANY_NUMBER)


def charts(page: Page) -> Locator:
    return page.get_by_role("application", name="Charts of the stream")


async def chart(page: Page, name: str) -> str:
    """Return an attribute of the charts: `from`, `to`, `windows`, `drawn`, `holes` or `history`."""
    return await charts(page).get_attribute(f"data-{name}") or ""


async def span(page: Page) -> tuple[datetime, datetime]:
    """Return which time the charts show."""
    return datetime.fromisoformat(await chart(page, "from")), datetime.fromisoformat(await chart(page, "to"))


async def moved(page: Page, before: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    """Wait until the charts show another time than before, and return which; they are drawn with the next frame."""
    await expect(charts(page)).not_to_have_attribute("data-from", on_the_wire(before[0]))
    return await span(page)


def on_the_wire(instant: datetime) -> str:
    """Return an instant as scripts write it."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def show_table(page: Page) -> Locator:
    """Open the table of the values in view, and return its rows."""
    toggle = page.get_by_role("button", name="Table", exact=True)
    if await toggle.get_attribute("aria-expanded") == "false":
        await toggle.click()
    rows = page.locator("#windows-table tbody tr")
    await expect(rows.first).to_be_visible()
    return rows


async def table(page: Page) -> list[Row]:
    """Return the rows of the table, the newest first."""
    cells = await (await show_table(page)).evaluate_all(
        "rows => rows.map((row) => [row.dataset.start, ...[...row.querySelectorAll('td')].map((cell) => cell.textContent)])"
    )
    return [_row(row) for row in cells]


async def figure(page: Page, name: str) -> str:
    """Return a figure of the newest window as it is shown."""
    return await page.locator(f"[data-figure={name}]").inner_text()


def _row(cells: list[Any]) -> Row:
    start, messages, rate, chatters, viewers, sentiment, _, emotes = cells
    return Row(
        start,
        int(_number(messages) or 0),
        _number(rate),
        int(_number(chatters) or 0),
        _number(viewers),
        _number(sentiment),
        emotes,
    )


def _number(text: str) -> float | None:
    return None if text == _NOTHING else float(text.replace(",", "").replace(_MINUS, "-"))
