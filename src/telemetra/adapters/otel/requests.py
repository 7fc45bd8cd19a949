"""A span around each request, seen from outside all other layers: an answer from the cache has one too."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from opentelemetry import context, propagate, trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware, asgi_getter
from opentelemetry.metrics import NoOpMeterProvider

Scope: TypeAlias = MutableMapping[str, Any]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
RouteOf: TypeAlias = Callable[[Scope], str | None]
"""Says of which route a request is, as a template (`/streams/{stream_id}`); None: of none."""

_UNTRACED: Final = frozenset({"/health", "/api/v1/health", "/metrics"})
"""What machines ask all day."""
_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT"})
_REQUEST: Final = "telemetra.request"
_TRACE_PARENT: Final = b"traceparent"


class TracedRequests:
    """
    The layer. Inside it a request's `traceparent` is that of the span which was begun for it: what is logged of the request,
    and what it asks of others, belongs to that span, whether a trace came in or began here.

    A WebSocket has no span, which would end hours later: what is read for it belongs to the trace that it came with.
    """

    def __init__(self, app: App, tracer: trace.Tracer, route_of: RouteOf) -> None:
        self._app = app
        self._route_of = route_of
        # The names of attributes that are stable; by itself the instrumentation uses those from before.
        os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
        self._traced = OpenTelemetryMiddleware(
            self._inside,
            default_span_details=self._details,
            tracer=tracer,
            meter_provider=NoOpMeterProvider(),
            exclude_spans=["receive", "send"],
        )

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and self._route_of(scope) not in _UNTRACED:
            # The query holds what is nobody's business: in the log it is not, either.
            await self._traced({**scope, "query_string": b"", _REQUEST: scope}, receive, send)
        elif scope["type"] == "websocket":
            came_with = context.attach(propagate.extract(dict(scope), getter=asgi_getter))
            try:
                await self._app(scope, receive, send)
            finally:
                context.detach(came_with)
        else:
            await self._app(scope, receive, send)

    def _details(self, scope: Scope) -> tuple[str, dict[str, str]]:
        method = scope["method"] if scope["method"] in _METHODS else "HTTP"
        if route := self._route_of(scope):
            return f"{method} {route}", {"http.route": route}
        return method, {}

    async def _inside(self, shown: Scope, receive: Any, send: Any) -> None:
        scope = shown[_REQUEST]
        current = trace.get_current_span()
        if current.is_recording() and (server := scope.get("server")):
            # The instrumentation has the port in the address too, beside `server.port`.
            current.set_attribute("server.address", server[0])
        span = current.get_span_context()
        if span.is_valid:
            parent = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}".encode()
            others = [header for header in scope["headers"] if header[0] != _TRACE_PARENT]
            scope["headers"] = [*others, (_TRACE_PARENT, parent)]
        await self._app(scope, receive, send)
