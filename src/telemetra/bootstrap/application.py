"""The application on its ports, with its traces, for as long as what it needs runs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog

from telemetra.adapters.embedded import EngineEndpoints, find_running
from telemetra.bootstrap.dependencies import bring_schema, run_dependencies
from telemetra.bootstrap.ports import open_ports
from telemetra.bootstrap.servers import engines_in_use, wants_engines
from telemetra.domain.ports import Ports
from telemetra.entrypoints.app import create_app, route_templates
from telemetra.entrypoints.lifespan import QuietEnd
from telemetra.entrypoints.route_names import RouteNames
from telemetra.settings import Settings

if TYPE_CHECKING:
    from telemetra.adapters.otel import Tracing

_LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class TracesImpossible(Exception):
    """The settings want traces, and there can't be any; the message says what is missing."""


def create_application(settings: Settings) -> Any:
    """Return the ASGI application; its lifespan starts whatever embedded engines the settings leave open."""

    @asynccontextmanager
    async def open_all() -> AsyncIterator[Ports]:
        async with AsyncExitStack() as stack:
            if tracing:
                await stack.enter_async_context(tracing.exporting())
            ports = await _open_ports_on_what_runs(settings, stack)
            watch = asyncio.create_task(_leave_with_engines(settings), name="leave-with-engines")
            try:
                yield tracing.ports(ports) if tracing else ports
            finally:
                watch.cancel()

    tracing = make_tracing(settings)
    app = QuietEnd(create_app(open_all, settings))
    return tracing.requests(app, RouteNames(route_templates(settings)).find) if tracing else app


def make_tracing(settings: Settings) -> Tracing | None:
    """
    Return what traces, where the settings want traces.

    Raises:
        TracesImpossible: its packages are not installed, or can't use what the environment tells them.

    """
    if settings.traces_endpoint is None:
        return None
    try:
        # Its libraries are there only where somebody wants traces.
        from telemetra.adapters.otel import Tracing  # noqa: PLC0415

        return Tracing(settings.traces_endpoint)
    except ModuleNotFoundError as error:
        raise TracesImpossible(
            "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, whose packages are not installed: "
            "pip install 'telemetra[otel]'"
        ) from error
    except ValueError as error:
        raise TracesImpossible(f"OpenTelemetry can't use what the environment tells it: {error}") from error


async def _open_ports_on_what_runs(settings: Settings, stack: AsyncExitStack) -> Ports:
    """Open the ports until `stack` closes; anew when engines that another process ran have ended meanwhile."""
    while True:
        async with AsyncExitStack() as attempt:
            running = await attempt.enter_async_context(
                run_dependencies(settings, share=True, migrating=False)
            )
            used = engines_in_use(settings)
            try:
                await bring_schema(running, embedded=settings.embedded_postgres)
                ports = await attempt.enter_async_context(open_ports(running))
            except Exception:
                if not wants_engines(settings) or (used is not None and not _is_gone(settings, used)):
                    raise
                _log.warning("embedded_engines_gone", owner_pid=used and used.owner_pid)
                continue
            stack.push_async_exit(attempt.pop_all())
            return ports


def _is_gone(settings: Settings, used: EngineEndpoints) -> bool:
    """Whether it was another process that ran these engines, and no longer does."""
    return used.owner_pid != os.getpid() and find_running(settings.telemetra_data_dir) != used


async def _leave_with_engines(settings: Settings) -> None:
    """
    End this process, in order, when another ran its embedded engines and is gone.

    Workers of a server of one's own share the engines of the first among them. Those that start after it run on other
    ports, with another password; whoever supervises the workers replaces this one by one that knows them.
    """
    used = engines_in_use(settings)
    if used is None or used.owner_pid == os.getpid():
        return
    while not _is_gone(settings, used):  # noqa: ASYNC110  (a lock tells nobody that it is free)
        await asyncio.sleep(_LOOK_SECONDS)
    _log.error("embedded_engines_gone", owner_pid=used.owner_pid)
    signal.raise_signal(signal.SIGTERM)
