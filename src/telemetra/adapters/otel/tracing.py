"""
Traces from their beginning to the collector.

Where they go is a setting; all else (headers, sampler, names, limits) the SDK reads by its own standard variables. Nothing
here is global: who opens a span is handed the tracer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from telemetra.adapters.otel.export import ToldOnce
from telemetra.adapters.otel.ports import traced_ports
from telemetra.adapters.otel.requests import App, RouteOf, TracedRequests
from telemetra.domain.ports import Ports

_FLUSH_SECONDS: Final = 3.0
_FLUSH_AWAY_SECONDS: Final = 0.5
"""One that did not answer a moment ago is hardly worth an end that takes longer."""

_log = structlog.get_logger(__name__)


class Tracing:
    """
    Traces to one collector, given by the URL that takes them (OTLP over HTTP).

    Raises:
        ValueError: a variable that the SDK reads has a value that it can't use.

    """

    def __init__(self, endpoint: str) -> None:
        self._collector = _without_secrets(endpoint)
        self._exporter = OTLPSpanExporter(endpoint, meter_provider=NoOpMeterProvider())
        # By itself it would export once more at the exit, for as long as the collector makes it wait.
        self._provider = TracerProvider(
            resource=_resource(), shutdown_on_exit=False, meter_provider=NoOpMeterProvider()
        )
        self._tracer = self._provider.get_tracer("telemetra", version("telemetra"))

    @asynccontextmanager
    async def exporting(self) -> AsyncIterator[None]:
        """Send to the collector what ends meanwhile, in the background; at the end what is left, within three seconds."""
        exporter = ToldOnce(self._exporter, collector=self._collector)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, meter_provider=NoOpMeterProvider()))
        try:
            yield
        finally:
            await self._end(exporter)

    def requests(self, app: App, route_of: RouteOf) -> App:
        """Return the application with a span around each request, named by what `route_of` says of it."""
        return TracedRequests(app, self._tracer, route_of)

    def ports(self, ports: Ports) -> Ports:
        """Return the ports with a span around what they ask of their servers."""
        return traced_ports(ports, self._tracer)

    async def _end(self, exporter: ToldOnce) -> None:
        """Flush, in a thread of its own that nobody waits for at the exit: it is the collector's to say how long it takes."""
        loop = asyncio.get_running_loop()
        flushed = asyncio.Event()

        def flush() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # The loop is closed.
                loop.call_soon_threadsafe(flushed.set)

        threading.Thread(target=flush, name="traces-flush", daemon=True).start()
        try:
            async with asyncio.timeout(_FLUSH_AWAY_SECONDS if exporter.is_away else _FLUSH_SECONDS):
                await flushed.wait()
        except TimeoutError:
            _log.warning(
                "traces_dropped",
                collector=self._collector,
                reason="the collector does not take the last ones in time",
            )


def _without_secrets(endpoint: str) -> str:
    """Return where the collector is: a name and a password before the host, and a key in the query, are nobody's business."""
    parts = urlsplit(endpoint)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _resource() -> Resource:
    """Describe this process: by what the environment says, and where that says nothing, by our name."""
    own = Resource({"service.name": "telemetra", "service.version": version("telemetra")})
    return Resource.create(own.merge(OTELResourceDetector().detect()).attributes)
