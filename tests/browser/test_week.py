"""A week of minutes in the charts: all of it is there, and the figures of how that feels are printed, not judged."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from importlib.resources import files
from statistics import median, quantiles
from typing import Any

import asyncpg
import brotli
import pytest
from playwright.async_api import Browser, expect

from tests.browser.chromium import needs_browser, tab
from tests.browser.dashboard import LIVE, chart, charts, open_stream
from tests.browser.rows import describe, write_minutes
from tests.e2e.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180), needs_browser]

WEEK = 7 * 24 * 60

# The time from the beginning of the navigation to the frame that has the first line.
FIRST_CHART = """() => {
  const seen = new MutationObserver(() => {
    if (document.querySelector("[data-drawn]")) {
      seen.disconnect();
      requestAnimationFrame(() => { document.documentElement.dataset.drawnAfter = performance.now(); });
    }
  });
  document.addEventListener("DOMContentLoaded", () =>
    seen.observe(document.body, { subtree: true, childList: true, attributeFilter: ["data-drawn"] }));
}"""

# Pans in each of so many frames; returns what lay between frames, and what each took until it was handed over to be shown.
PAN = """async (frames) => {
  const plots = document.querySelector(".plots");
  const channel = new MessageChannel();
  const [between, work] = [[], []];
  let last = null;
  for (let frame = 0; frame < frames; frame += 1) {
    // Our callbacks stand before and after the charts' own, all of the next frame; the message comes when it is handed over.
    const done = new Promise((resolve) => { channel.port1.onmessage = () => resolve(performance.now()); });
    const began = new Promise((resolve) => requestAnimationFrame(() => resolve(performance.now())));
    plots.dispatchEvent(new WheelEvent("wheel", { deltaX: frame % 60 < 30 ? -9 : 9, bubbles: true, cancelable: true }));
    requestAnimationFrame(() => channel.port2.postMessage(0));
    const now = await began;
    if (last !== null) between.push(now - last);
    last = now;
    work.push((await done) - now);
  }
  return { between, work };
}"""


async def test_a_week_of_minutes_is_drawn(
    chromium: Browser,
    service: Service,
    writer: asyncpg.Connection,
    record_property: Callable[[str, object], None],
) -> None:
    await describe(writer, "week", "A week of minutes")
    await write_minutes(writer, "week", range(WEEK))
    async with tab(chromium, service.url) as (here, context):
        await here.page.add_init_script(f"({FIRST_CHART})()")
        firsts = []
        for _ in range(5):
            page = await open_stream(here, "week")
            await page.reload()
            drawn = page.locator("html[data-drawn-after]")
            await expect(drawn).to_be_attached()
            firsts.append(float(await drawn.get_attribute("data-drawn-after") or ""))
        await expect(page.locator(LIVE)).to_be_visible()
        before = await _heap(context, page)
        await page.get_by_role("button", name="Show all there is").click()
        await expect(charts(page)).to_have_attribute("data-windows", str(WEEK))
        await expect(charts(page)).to_have_attribute("data-history", "whole")
        assert int(await chart(page, "drawn")) == WEEK
        assert await chart(page, "holes") == "0"
        after = await _heap(context, page)
        told = await page.evaluate(PAN, 300)
        assert int(await chart(page, "drawn")) > WEEK * 0.7
        # Live goes on with all of it on screen.
        await charts(page).focus()
        await page.keyboard.press("End")
        await write_minutes(writer, "week", range(WEEK, WEEK + 1))
        await expect(charts(page)).to_have_attribute("data-windows", str(WEEK + 1))
    script = (files("telemetra.entrypoints.http") / "pages" / "dashboard.js").read_bytes()
    sizes = [len(script), len(gzip.compress(script, 6)), len(brotli.compress(script, quality=5))]
    record_property(
        "figures", f"dashboard: navigation to first chart {median(firsts):.0f} ms (median of {len(firsts)})"
    )
    for name, values in told.items():
        p95 = quantiles(values, n=20)[-1]
        record_property(
            "figures",
            f"dashboard: panning {WEEK:,} windows, {_NAMES[name]}: median {median(values):.1f} ms, p95 {p95:.1f} ms",
        )
    record_property("figures", f"dashboard: script {sizes[0]:,} bytes, gzip {sizes[1]:,}, br {sizes[2]:,}")
    record_property(
        "figures", f"dashboard: heap {before / 1e6:.1f} MB at first, {after / 1e6:.1f} MB with a week"
    )


_NAMES = {"between": "from frame to frame", "work": "work of a frame"}


async def _heap(context: Any, page: Any) -> float:
    """Return the bytes that scripts hold, after what they hold no longer was let go."""
    session = await context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    used = await session.send("Runtime.getHeapUsage")
    await session.detach()
    return float(used["usedSize"])
