"""The command `telemetra serve`: engines, migrations, HTTP server and demo, from start to a clean end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any, Final

import anyio
import click
import httpx
import structlog
from anyio.from_thread import BlockingPortal, start_blocking_portal
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.config import STARTUP_FAILURE

from telemetra.bootstrap import make_tracing, open_ports, open_writer, run_dependencies
from telemetra.domain.moments import Moment
from telemetra.domain.ports import StreamWriter
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary
from telemetra.entrypoints.cli.demo import DEMO_STREAM, run_demo
from telemetra.entrypoints.cli.failures import service_failures
from telemetra.entrypoints.cli.listening import CannotListen, bind
from telemetra.entrypoints.meters import MULTIPROCESS_VARIABLE
from telemetra.entrypoints.server import Config, Server, Supervisor, allow_open_files
from telemetra.logging import tells_json
from telemetra.settings import Settings, to_environ

_BACKLOG: Final = 2048
_NUMBERS: Final = "telemetra-numbers-"

_log = structlog.get_logger(__name__)


@click.command("serve")
@click.option("--host", help="Address to listen on.  [default: HOST, else 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.  [default: PORT, else 8000]"
)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that serve."
)
@click.option("--demo", is_flag=True, help=f"Keep a simulated stream, '{DEMO_STREAM}', alive.")
def serve_command(*, host: str | None, port: int | None, workers: int, demo: bool) -> None:
    """
    Serve REST, live updates and documentation.

    With POSTGRES_HOST unset, an embedded PostgreSQL is started and migrated; with REDIS_URL unset, an embedded Valkey. Their
    data stays in TELEMETRA_DATA_DIR. Ctrl-C or SIGTERM ends everything in order.

    \b
    Example:  telemetra serve --demo
              POSTGRES_HOST=db REDIS_URL=redis://cache telemetra serve --host 0.0.0.0 --workers 4
    """
    began = monotonic()
    with service_failures(host=host, port=port) as settings, _clean_end():
        make_tracing(settings)
        allow_open_files()
        listener = _listen(settings)
        with (
            listener,
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(run_dependencies(settings)) as running,
        ):
            portal.call(_try_ports, running)
            os.environ.update(to_environ(running))
            tasks = _start_tasks(portal, running, listener, workers, demo=demo)
            try:
                _serve(running, listener, workers)
            finally:
                for task in tasks:
                    task.cancel()
    _log.info("service_stopped", pid=os.getpid(), seconds=round(monotonic() - began, 3))


@contextmanager
def _clean_end() -> Iterator[None]:
    """Make SIGTERM end this process as Ctrl-C does: through every `finally`, with exit code 0."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    with suppress(KeyboardInterrupt):
        yield


def _listen(settings: Settings) -> socket.socket:
    """Bind before anything is started: a port that is taken must not cost the start of a database."""
    try:
        listener = bind(settings.host, settings.port, backlog=_BACKLOG)
    except CannotListen as error:
        raise click.ClickException(f"{error} {error.advice}") from error
    listener.set_inheritable(True)
    return listener


async def _try_ports(settings: Settings) -> None:
    """Open once what every process that serves will open: what fails is one line here, and a traceback in each there."""
    async with open_ports(settings):
        pass


def _start_tasks(
    portal: BlockingPortal, settings: Settings, listener: socket.socket, workers: int, *, demo: bool
) -> list[Any]:
    demo_stands = portal.call(anyio.Event) if demo else None
    tasks = [portal.start_task_soon(_announce, settings, listener, workers, demo_stands)]
    if demo_stands:
        tasks.append(portal.start_task_soon(_run_demo, settings, demo_stands))
    return tasks


async def _announce(
    settings: Settings, listener: socket.socket, workers: int, demo_stands: anyio.Event | None
) -> None:
    """Say where to look once the service answers, and the demo stream has its history."""
    bound, port = listener.getsockname()[:2]
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104  (compared, not bound)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if demo_stands:
        await demo_stands.wait()
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with suppress(httpx.HTTPError):
                answer = await client.get(f"http://{authority}/health", timeout=1)
                if answer.is_success:
                    break
            await anyio.sleep(0.05)
    _log.info(
        "service_started",
        version=version("telemetra"),
        address=f"[{bound}]:{port}" if ":" in bound else f"{bound}:{port}",
        pid=os.getpid(),
        workers=workers,
        asks_for_tokens=settings.api_tokens_file is not None,
    )
    if tells_json() and _is_one_stream():
        # Whoever collects both takes each line for JSON.
        return
    live = f" and ws://{authority}/ws/live/{DEMO_STREAM}" if demo_stands else ""
    url = f"http://{authority}"
    click.echo(f"Telemetra is up: look at {url}/dashboard, {url}/docs{live} (Ctrl-C ends it).")


def _is_one_stream() -> bool:
    """Whether standard output and standard error go to the same place, as under systemd."""
    try:
        return os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    except (OSError, ValueError):
        return False


class _NotingWriter:
    """Writes, and notes that something was written."""

    def __init__(self, writer: StreamWriter, written: anyio.Event) -> None:
        self._writer = writer
        self._written = written

    async def write(
        self, stream: Stream, windows: Sequence[WindowSummary], moments: Sequence[Moment]
    ) -> None:
        await self._writer.write(stream, windows, moments)
        self._written.set()


async def _run_demo(settings: Settings, stands: anyio.Event) -> None:
    """Run the demo; its first transaction holds the whole history."""
    try:
        async with open_writer(settings) as writer:
            await run_demo(_NotingWriter(writer, stands), clock=lambda: datetime.now(UTC), sleep=anyio.sleep)
    except Exception:
        # Nobody awaits this task: what it raises would be lost, and the stream just stand still.
        _log.exception("demo_failed")
        raise


def _sweep() -> None:
    """Remove the numbers of processes that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_NUMBERS}*"):
        with suppress(OSError, ValueError):
            if left.stat().st_uid != os.getuid():
                continue
            try:
                os.kill(int(left.name.removeprefix(_NUMBERS).partition("-")[0]), 0)
            except ProcessLookupError:
                shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _shared_numbers() -> Iterator[Callable[[int], None]]:
    """
    Let the workers keep their numbers where each can tell those of all; the files are as old as this start.

    Yielded is what to tell of a process that is no more: what it had counted stays, its states are none.
    """
    _sweep()
    with tempfile.TemporaryDirectory(prefix=f"{_NUMBERS}{os.getpid()}-") as directory:
        os.environ[MULTIPROCESS_VARIABLE] = directory
        yield lambda pid: mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]


def _serve(settings: Settings, listener: socket.socket, workers: int) -> None:
    config = Config("telemetra.asgi:app", settings, port=listener.getsockname()[1], workers=workers)
    if workers > 1:
        with _shared_numbers() as forget:
            supervisor = Supervisor(config, [listener], forget)
            supervisor.run()
        # It ends all of them for one that can't start, and returns as after Ctrl-C.
        failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    else:
        server = Server(config)
        server.run(sockets=[listener])
        failed = not server.started
    if failed:
        sys.exit(STARTUP_FAILURE)
