"""The documentation pages in a real browser that reaches no host but this service."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Route, async_playwright

from tests.e2e.service import serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
BROWSER_SECONDS = 90
OPERATIONS = ("listStreams", "getStream", "listMetrics", "listMoments")


async def rendered(url: str, profile: Path) -> str:
    """Return the page's elements after its scripts have run."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={profile}"),
        *("--virtual-time-budget=20000", "--dump-dom", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), BROWSER_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode()


@pytest.mark.timeout(300)
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
async def test_all_pages_render_with_every_foreign_host_blocked(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as service:
        swagger = await rendered(f"{service.url}/docs", tmp_path / "one")
        redoc = await rendered(f"{service.url}/redoc", tmp_path / "two")
        live = await rendered(f"{service.url}/asyncapi", tmp_path / "three")
        document = (await service.get("/asyncapi.json")).json()
    for operation in OPERATIONS:
        assert f"-{operation}" in swagger
        assert f"operation/{operation}" in redoc
    assert "LiveMessage" in swagger
    # Both lead to the page of the socket.
    assert 'href="asyncapi"' in swagger
    assert 'href="asyncapi"' in redoc
    assert f"{service.live_url}/{{stream_id}}" in live
    for name in document["components"]["messages"]:
        assert f'id="message-{name}"' in live
    for name, schema in document["components"]["schemas"].items():
        assert f"#type-{name}" not in live or f'id="type-{name}"' in live
        for field in schema.get("properties", ()):
            assert f"<code>{field}</code>" in live
    for closing in document["channels"]["live"]["x-close-codes"]:
        assert f"<code>{closing['code']}</code>" in live


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_socket_s_page_fits_a_phone_and_knows_a_proxy_s_prefix(
    tmp_path: Path, theme: Literal["light", "dark"]
) -> None:
    async with serving(tmp_path / "data") as service, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=theme)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)

        async def behind_the_prefix(route: Route) -> None:
            await route.fulfill(response=await route.fetch(url=route.request.url.replace("/stats/", "/")))

        await page.route("**/stats/**", behind_the_prefix)
        await page.goto(f"{service.url}/stats/asyncapi#message-moment")
        await page.wait_for_selector("main[aria-busy=false]")
        assert faults == []
        prefixed = f"{service.url.replace('http', 'ws', 1)}/stats/ws/live/{{stream_id}}"
        assert await page.inner_text("#connect pre >> nth=0") == prefixed
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        assert (
            await page.evaluate("document.getElementById('message-moment').getBoundingClientRect().top") < 844
        )
        await browser.close()
