"""How uvicorn serves the application: its limits, its keepalive, and the live sockets' own connection class."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from types import FrameType
from typing import Any, Final

import uvicorn

from telemetra.entrypoints.live.socket import MAX_MESSAGE_BYTES
from telemetra.entrypoints.live.transport import LiveWebSocketProtocol
from telemetra.settings import Settings

GRACE_SECONDS: Final = 8
"""How long requests may take to finish after the signal to end; listeners are told at once."""

_TICK_SECONDS: Final = 1.0

_FILES: Final = 1_048_576
"""As many as any process gets."""


class Server(uvicorn.Server):
    """
    uvicorn, that wakes once a second for its `Date` header, and at once for a signal.

    By itself it looks ten times a second whether it should end, which is a tenth of all that an idle process does. (The
    processes of `--workers` are made by uvicorn's own supervisor, and look.)
    """

    _loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        """Run until told to end."""
        self._told = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._told.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a signal."""
        super().handle_exit(sig, frame)
        if self._loop:
            self._loop.call_soon_threadsafe(self._told.set)


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """Return what `uvicorn.Config` takes beside the application and where to listen."""
    return {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # TRUSTED_PROXIES says whom to believe, under every server.
        "proxy_headers": False,
        "lifespan": "on",
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "ws": LiveWebSocketProtocol,
        "ws_max_size": MAX_MESSAGE_BYTES,
        # Deflate costs 54 to 129 KB a connection.
        "ws_per_message_deflate": False,
        "ws_ping_interval": settings.live_heartbeat,
        "ws_ping_timeout": settings.live_heartbeat,
        # At INFO the server tells of every socket, with its query; the application's own line says more.
        "log_level": "debug" if settings.log_level == "DEBUG" else "warning",
    }


def allow_open_files() -> None:
    """Let this process and its children have as many connections as the system lets them: shells start with few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS says that nothing is limited, and takes no more than it has.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
