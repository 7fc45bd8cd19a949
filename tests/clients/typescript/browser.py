"""A page in a real browser that follows streams; it comes from another origin than the service."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.clients.typescript.devtools import CHROMIUM, Devtools, browser
from tests.clients.typescript.told import Told

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


class FollowingPage:
    """A page, and what its followers were told, by the names that they were given."""

    def __init__(self, devtools: Devtools, target: str, session: str, origin: str) -> None:
        self.told: defaultdict[str, Told] = defaultdict(Told)
        self.origin = origin
        self._devtools = devtools
        self._target = target
        self._session = session

    async def load(self, script: str) -> None:
        """Go to the page, and give it its ear and its script."""
        await self._devtools.go(self._session, self.origin)
        self._devtools.hear(self._session, "Runtime.bindingCalled", self._tell)
        await self._ask("Runtime.enable")
        await self._ask("Runtime.addBinding", name="tellText")
        await self._ask("Network.enable")
        await self.run("globalThis.tell = (line) => tellText(JSON.stringify(line))")
        await self.run(f"{script}\n;0")

    async def run(self, expression: str) -> Any:
        """Evaluate an expression in the page, and return its value, of a promise that of its end."""
        told = await self._ask(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def follow(self, name: str, url: str, stream_id: str, **orders: object) -> Told:
        """Have it follow a stream, and return what it is told, which grows."""
        await self.run(f"follow({_orders(url, stream_id, name=name, **orders)})")
        return self.told[name]

    async def end(self, name: str) -> None:
        """Have a follower close its stream."""
        await self.run(f"endFollowing({json.dumps(name)})")

    async def read_two_pages(self, url: str, stream_id: str, **orders: object) -> dict[str, Any]:
        """Return the rows of two pages and the position of the first, or the status and code of the refusal."""
        told: dict[str, Any] = await self.run(f"readTwoPages({_orders(url, stream_id, **orders)})")
        return told

    async def set_offline(self, *, offline: bool) -> None:
        """Take the page's network away, or give it back."""
        await self._ask(
            "Network.emulateNetworkConditions",
            offline=offline,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    async def hide(self) -> None:
        """Open another tab in front of it."""
        await self._devtools.open_tab()

    async def show(self) -> None:
        """Bring it to the front."""
        await self._devtools.ask("Target.activateTarget", targetId=self._target)

    async def freeze(self) -> None:
        """Have the browser do with the hidden tab as after long: none of its code runs."""
        await self._ask("Page.setWebLifecycleState", state="frozen")

    async def thaw(self) -> None:
        await self._ask("Page.setWebLifecycleState", state="active")

    async def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self._devtools.ask(method, self._session, **parameters)

    def _tell(self, event: dict[str, Any]) -> None:
        line = json.loads(event["payload"])
        self.told[line["name"]].take(line)


@asynccontextmanager
async def following_page(script: Path) -> AsyncIterator[FollowingPage]:
    """Open a page with this script, at an address of its own on this machine."""
    # Its browser may still be writing while it goes.
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        async with _empty_page() as origin, browser(Path(profile)) as devtools:
            page = FollowingPage(devtools, *await devtools.open_tab(), origin)
            await page.load(script.read_text())
            yield page


def _orders(url: str, stream_id: str, **more: object) -> str:
    return json.dumps({"url": url, "streamId": stream_id, **more})


@asynccontextmanager
async def _empty_page() -> AsyncIterator[str]:
    """Serve a page with nothing in it; yield its origin."""
    body = b"<!doctype html><title>Empty</title>"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
