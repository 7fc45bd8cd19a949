"""
Telemetra over a feed of the benchmark's own, on uvicorn as `telemetra serve` sets it up.

Only public doors are used: whatever the service makes of a change, and by what way it reaches the sockets, is measured
as it is. `python -m bench.live.server_telemetra`.
"""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from bench.live.feed import BenchFeed
from bench.live.serving import BACKLOG, bind, open_control

from telemetra.adapters.memory import MemoryDatabase, memory_ports
from telemetra.domain.ports import Ports
from telemetra.entrypoints.app import create_app
from telemetra.entrypoints.server import uvicorn_options
from telemetra.logging import configure_logging
from telemetra.settings import Settings

NO_HEARTBEAT_SECONDS = 3600.0
"""The client counts bytes: nothing may come that it did not ask for."""


def settings() -> Settings:
    """Return the defaults, without what would get between two messages or end a listener that is meant to stall."""
    return Settings(
        log_level="WARNING",
        live_heartbeat=NO_HEARTBEAT_SECONDS,
        live_stall_timeout=NO_HEARTBEAT_SECONDS,
        live_max_listeners=1_000_000,
        live_max_listeners_per_address=1_000_000,
    )


def uvicorn_config(app: Any, settings: Settings, listener: socket.socket, **changed: Any) -> uvicorn.Config:
    """Return the configuration of `telemetra serve`, for one process."""
    options = uvicorn_options(settings) | changed
    return uvicorn.Config(app, host=settings.host, port=listener.getsockname()[1], backlog=BACKLOG, **options)


def main() -> None:
    """Serve until the process is ended."""
    chosen = settings()
    configure_logging(chosen.log_level, chosen.log_format)
    listener = bind()
    feed = BenchFeed()

    async def publish(messages: int, large: bool) -> float:  # noqa: FBT001  (as the control door calls it)
        before = time.monotonic()
        feed.publish(messages, large=large)
        return before

    @asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        async with await open_control(publish, listener):
            yield dataclasses.replace(memory_ports(MemoryDatabase()), feed=feed)

    app = create_app(open_ports, chosen)
    uvicorn.Server(uvicorn_config(app, chosen, listener)).run(sockets=[listener])


if __name__ == "__main__":
    main()
