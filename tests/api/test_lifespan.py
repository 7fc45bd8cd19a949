"""The application's life as a server drives it, and its end by force."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from telemetra.adapters.memory import MemoryDatabase, MemoryProbe, memory_ports
from telemetra.domain.ports import Ports
from telemetra.entrypoints.app import create_app
from telemetra.entrypoints.lifespan import QuietEnd
from tests.api.http_service import PATIENCE_SECONDS


class Life:
    """An application that has started, driven by hand."""

    def __init__(self, *, fails: bool = False) -> None:
        self.closed = False
        self._fails = fails
        self._to_app: asyncio.Queue[Any] = asyncio.Queue()
        self._from_app: asyncio.Queue[Any] = asyncio.Queue()
        app = QuietEnd(create_app(self._open_ports))
        scope = {"type": "lifespan", "asgi": {}, "state": {}}
        self.task = asyncio.create_task(app(scope, self._to_app.get, self._from_app.put))

    @asynccontextmanager
    async def _open_ports(self) -> AsyncIterator[Ports]:
        try:
            yield memory_ports(MemoryDatabase(), redis=MemoryProbe())
        finally:
            await asyncio.sleep(0)
            self.closed = True
            if self._fails:
                raise OSError("the disk is gone")

    async def say(self, word: str) -> None:
        await self._to_app.put({"type": f"lifespan.{word}"})

    async def hear(self) -> Any:
        return await asyncio.wait_for(self._from_app.get(), PATIENCE_SECONDS)


async def started(*, fails: bool = False) -> Life:
    life = Life(fails=fails)
    await life.say("startup")
    assert (await life.hear())["type"] == "lifespan.startup.complete"
    return life


async def test_an_end_by_force_closes_everything_and_tells_no_traceback() -> None:
    life = await started()
    life.task.cancel()
    told = await life.hear()
    assert told == {"type": "lifespan.shutdown.failed", "message": ""}
    assert life.closed
    with suppress(asyncio.CancelledError):
        await life.task


async def test_an_end_that_fails_is_told_in_full() -> None:
    life = await started(fails=True)
    await life.say("shutdown")
    assert "the disk is gone" in (await life.hear())["message"]
    await asyncio.wait([life.task], timeout=PATIENCE_SECONDS)
    assert life.task.exception()
