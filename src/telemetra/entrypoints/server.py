"""How uvicorn serves the application: its limits, its keepalive, and the connection classes of our own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from telemetra.entrypoints.http.connection import HttpConnection
from telemetra.entrypoints.lifespan import DRAINING, Draining
from telemetra.entrypoints.live.socket import MAX_MESSAGE_BYTES
from telemetra.entrypoints.live.transport import LiveWebSocketProtocol
from telemetra.settings import Settings

GRACE_SECONDS: Final = 8
"""How long requests may take to finish after the signal to end; listeners are told at once."""

_TICK_SECONDS: Final = 1.0

_FIRST_WORD_SECONDS: Final = 0.5
_START_SECONDS: Final = 60.0
_JOIN_SECONDS: Final = 0.2

_FILES: Final = 1_048_576
"""As many as any process gets."""

_log = structlog.get_logger(__name__)


class Config(uvicorn.Config):
    """What uvicorn is told, and how long a server that was told to go says so before it does."""

    def __init__(self, app: str, settings: Settings, *, port: int, workers: int) -> None:
        super().__init__(app, host=settings.host, port=port, workers=workers, **uvicorn_options(settings))
        self.drain_seconds = settings.drain_seconds


class Server(uvicorn.Server):
    """
    uvicorn, that wakes once a second for its `Date` header, and at once for a signal.

    By itself it looks ten times a second whether it should end, which is a tenth of all that an idle process does. After
    SIGTERM it first lets load balancers see by its readiness that it goes, for as long as its `Config` says.
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _is_draining = False

    async def main_loop(self) -> None:
        """Run until told to end."""
        self._told = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._told.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a signal; the second one ends a drain."""
        drain_seconds = getattr(self.config, "drain_seconds", 0.0)
        if sig == signal.SIGTERM and drain_seconds and self._loop and not self._is_draining:
            self._is_draining = True
            self._loop.call_soon_threadsafe(self._drain, drain_seconds)
            return
        super().handle_exit(sig, frame)
        if self._loop:
            self._loop.call_soon_threadsafe(self._told.set)

    def _drain(self, seconds: float) -> None:
        draining: Draining | None = self.lifespan.state.get(DRAINING)
        if draining:
            draining.is_on = True
        _log.info("draining", seconds=seconds)
        asyncio.get_running_loop().call_later(seconds, self.handle_exit, signal.SIGTERM, None)


class Worker(Process):
    """One of several processes that serve. It has `_START_SECONDS` to say its first word."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self._made_at = monotonic()
        self._has_answered = False

    def is_alive(self, timeout: float = 5) -> bool:
        """Whether it runs, and answers where it has answered before: on a busy machine a start takes its time."""
        if not self.process.is_alive():
            return False
        if self._has_answered:
            return self.ping(timeout)
        self._has_answered = self.ping(_FIRST_WORD_SECONDS)
        return self._has_answered or monotonic() - self._made_at < _START_SECONDS

    @property
    def server(self) -> uvicorn.Server:
        """What runs in it."""
        if self._server is None:
            self._server = Server(self.config)
        return self._server


class Supervisor(Multiprocess):
    """Keeps workers, and says so when it replaces one: uvicorn's own does at a level that would tell of every socket too."""

    def __init__(self, config: Config, sockets: list[socket.socket], replaced: Callable[[int], None]) -> None:
        super().__init__(config, sockets)
        self._replaced = replaced
        """Is told the process that is no more."""

    def init_processes(self) -> None:
        """Start all."""
        self.processes = [self._started() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """Replace those that have died, or hang; end when one can't start."""
        for place, old in enumerate(self.processes):
            if self.should_exit.is_set() or old.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            old.kill()
            old.join()
            if old.exitcode == STARTUP_FAILURE:
                # It would fail in the same way again.
                _log.error("worker_failed_to_start", pid=old.pid)
                self.should_exit.set()
                return
            new = self.processes[place] = self._started()
            _log.warning("worker_replaced", pid=old.pid, exit_code=old.exitcode, new_pid=new.pid)
            self._replaced(old.pid or 0)

    def join_all(self) -> None:
        """Wait for all to end; another signal meanwhile is told to them, too."""
        while alive := [worker for worker in self.processes if worker.process.is_alive()]:
            alive[0].process.join(_JOIN_SECONDS)
            if self.signal_queue:
                self.signal_queue.clear()
                for worker in alive:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker.pid or 0, signal.SIGTERM)

    def handle_hup(self) -> None:
        """End, as a terminal that is closed wants it."""
        self.handle_term()

    def handle_ttin(self) -> None:
        """Start no more: how many there are is said at the start."""

    def handle_ttou(self) -> None:
        """End none."""

    def _started(self) -> Worker:
        worker = Worker(self.config, self.sockets)
        worker.start()
        return worker


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
        "http": HttpConnection,
        "limit_concurrency": settings.http_max_connections,
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
    wanted = allowed_open_files()
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS says that nothing is limited, and takes no more than it has.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def allowed_open_files() -> int:
    """Return how many files a process of `telemetra serve` may have open: as many as the system lets it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
