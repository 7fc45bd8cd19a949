"""
A browser of a test's own, driven over the DevTools protocol.

Not by a library: those have every tab believe that it is looked at, and tabs that are hidden, throttled and frozen are what is
tested here.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_START_SECONDS = 60
_ANSWER_SECONDS = 60
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_ADDRESS = "DevTools listening on "


class Devtools:
    """The conversation with a browser: what it is told to do, and what it tells by itself."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ears: dict[tuple[str, str], Callable[[dict[str, Any]], None]] = {}

    async def read(self) -> None:
        """Hand on what comes, until the connection ends."""
        with suppress(ConnectionClosed):
            while True:
                message = json.loads(await self._connection.recv())
                if asked := self._asked.pop(message.get("id"), None):
                    asked.set_result(message)
                elif ear := self._ears.get((message.get("sessionId", ""), message.get("method", ""))):
                    ear(message["params"])

    def hear(self, session: str, event: str, ear: Callable[[dict[str, Any]], None]) -> None:
        """Have these events of a tab told to `ear`, in their order."""
        self._ears[session, event] = ear

    async def ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Have the browser, or one of its tabs, do something; return what comes of it."""
        number = next(self._numbers)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        await self._connection.send(json.dumps(message | ({"sessionId": session} if session else {})))
        answer: dict[str, Any] = await asyncio.wait_for(asked, _ANSWER_SECONDS)
        assert "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    async def open_tab(self) -> tuple[str, str]:
        """Open an empty tab in front; return its own name, and that of the session with it."""
        target: str = (await self.ask("Target.createTarget", url="about:blank"))["targetId"]
        session = await self.ask("Target.attachToTarget", targetId=target, flatten=True)
        await self.ask("Target.activateTarget", targetId=target)
        return target, session["sessionId"]

    async def go(self, session: str, url: str) -> None:
        """Have a tab go to an address; return when it is there."""
        loaded = asyncio.Event()
        self.hear(session, "Page.loadEventFired", lambda _: loaded.set())
        await self.ask("Page.enable", session)
        await self.ask("Page.navigate", session, url=url)
        await asyncio.wait_for(loaded.wait(), _ANSWER_SECONDS)


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Devtools]:
    """Start one with an empty profile, and end it with the block."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *_FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        address, drain = await asyncio.wait_for(_address_of(process), _START_SECONDS)
        async with connect(address, max_size=None, proxy=None) as connection:
            devtools = Devtools(connection)
            reading = asyncio.create_task(devtools.read())
            try:
                yield devtools
            finally:
                await connection.close()
                await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    await drain


async def _address_of(process: asyncio.subprocess.Process) -> tuple[str, asyncio.Task[bytes]]:
    """Return the address that a browser says it is to be driven at, and what reads on so that it is not stopped by a full pipe."""
    assert process.stderr
    said = []
    while line := (await process.stderr.readline()).decode():
        said.append(line)
        if line.startswith(_ADDRESS):
            return line.removeprefix(_ADDRESS).strip(), asyncio.create_task(process.stderr.read())
    raise AssertionError("".join(said))
