"""A browser that reaches nothing but one service, and whatever a page does in it that it must not."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

PATIENCE_MILLISECONDS = 20_000
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--enable-precise-memory-info",
    # Names that are not here stand nowhere, whoever asks.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_OWN_SCHEMES = ("data", "blob")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield chromium
        finally:
            await chromium.close()


class Tab:
    """A page of a service, and what went wrong in it: errors, foreign requests, breaches of its policy."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.faults: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.faults.append(f"thrown: {error}"))
        page.on("request", lambda request: self._saw(request.url))
        page.on("websocket", lambda socket: self._saw(socket.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.faults.append(f"{kind}: {text}")

    def _saw(self, address: str) -> None:
        self.asked.append(address)
        there = urlsplit(address)
        if there.scheme not in _OWN_SCHEMES and there.netloc != urlsplit(self.url).netloc:
            self.faults.append(f"foreign: {address}")

    def innocent(self, but: Iterable[str] = ()) -> None:
        """Fail for whatever went wrong, `but` for what matches these patterns."""
        expected = [re.compile(pattern) for pattern in but]
        left = [fault for fault in self.faults if not any(one.search(fault) for one in expected)]
        assert not left, left


@asynccontextmanager
async def tab(
    chromium: Browser, url: str, *, but: Iterable[str] = (), **options: Any
) -> AsyncIterator[tuple[Tab, BrowserContext]]:
    """Yield an empty tab for a service; after the block nothing may have gone wrong in it, `but` for what is expected."""
    options = {
        "viewport": {"width": 1280, "height": 900},
        "timezone_id": "Europe/Berlin",
        "locale": "en-GB",
    } | options
    context = await chromium.new_context(**options)
    try:
        one = Tab(await context.new_page(), url)
        yield one, context
        one.innocent(but)
    finally:
        await context.close()
