"""
The application: routes of HTTP and of the live socket, what they share while it runs, and the layers around them.

The only module that sees both sides. Everything it needs of the world comes through `open_ports`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import monotonic
from typing import Any, cast

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.types import ControllerRouterHandler
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from telemetra.domain.ports import Ports
from telemetra.entrypoints.access.gate import Gate
from telemetra.entrypoints.access.layer import Gated, grant_of
from telemetra.entrypoints.asgi import App
from telemetra.entrypoints.cache.fast_path import FastPath
from telemetra.entrypoints.cache.layer import CachedReads, ResponseCache
from telemetra.entrypoints.http import asyncapi, openapi
from telemetra.entrypoints.http.answers import require_readable_position
from telemetra.entrypoints.http.cross_origin import CrossOrigin
from telemetra.entrypoints.http.dashboard import dashboard_route
from telemetra.entrypoints.http.documentation import Documents, documentation_routes
from telemetra.entrypoints.http.exports.streaming import PACE_STATE, Pace
from telemetra.entrypoints.http.exposition import exposition_route
from telemetra.entrypoints.http.head_requests import HeadRequests
from telemetra.entrypoints.http.health import get_liveness, get_readiness
from telemetra.entrypoints.http.index import index_route
from telemetra.entrypoints.http.live_path import ask_for_a_socket
from telemetra.entrypoints.http.live_tickets import live_tickets_route
from telemetra.entrypoints.http.metrics import METRICS_READ, list_metrics
from telemetra.entrypoints.http.moments import MOMENTS_READ, list_moments
from telemetra.entrypoints.http.ports import PORTS_STATE, provide_ports
from telemetra.entrypoints.http.refusals import Refusals
from telemetra.entrypoints.http.request_log import RequestLog
from telemetra.entrypoints.http.served_pages import get_asset
from telemetra.entrypoints.http.streams import LIST_READ, STREAM_READ, get_stream, list_streams
from telemetra.entrypoints.lifespan import HttpConnections, Shared
from telemetra.entrypoints.live.socket import LiveEntrance, LiveSockets
from telemetra.entrypoints.live_documentation.socket import LIVE_SOCKET
from telemetra.entrypoints.meters import Meters
from telemetra.entrypoints.paths import RawPaths
from telemetra.entrypoints.route_names import RouteNames
from telemetra.entrypoints.vitals import VitalSigns
from telemetra.settings import Settings


def create_app(
    open_ports: Callable[[], AbstractAsyncContextManager[Ports]],
    settings: Settings | None = None,
    *,
    clock: Callable[[], float] = monotonic,
) -> App:
    """
    Return the ASGI application.

    Its lifespan opens the ports, and closes them at the end. Tests pass fakes; no module keeps anything global. `clock`
    gives seconds that only grow: by it kept answers age, and silence is measured after which they no longer count.
    """
    settings = settings or Settings()
    meters = Meters()
    response_cache = ResponseCache(settings, clock=clock, meters=meters)
    entrance = LiveEntrance(settings, response_cache, meters)
    connections = HttpConnections()
    vital_signs = VitalSigns(meters, response_cache, entrance, connections)
    refusals = Refusals(debug=settings.debug)
    gate = Gate(settings)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_ports() as ports, entrance.open(ports.feed, ports.bus):
            app.state[PORTS_STATE] = ports
            app.state[PACE_STATE] = Pace(clock)
            response_cache.open(ports, is_alone=lambda: entrance.is_alone)
            async with gate.open(ports), vital_signs.open(ports):
                yield

    documents = Documents(
        openapi=lambda: openapi_document(settings).encode(),
        asyncapi=lambda: asyncapi_document(settings).encode(),
    )
    routes = Litestar(
        [
            *api_routes(settings, gate),
            *page_routes(documents, settings.api_title),
            exposition_route(vital_signs.told),
            ask_for_a_socket,
        ],
        dependencies={"ports": Provide(provide_ports)},
        exception_handlers=refusals.handlers(),
        lifespan=[lifespan],
        # The document is made from the routes on their own; these two would add pages and logs of the framework's.
        openapi_config=None,
        logging_config=None,
    )
    # From the outside in: a request is named first, and what may answer in place of the routes goes above HeadRequests.
    inner = HeadRequests(RawPaths(LiveSockets(Shared(routes, connections), entrance)))
    reads = (LIST_READ, STREAM_READ, METRICS_READ, MOMENTS_READ)
    cached = CachedReads(inner, response_cache, reads, settings, refusals)
    origins = CrossOrigin(Gated(cached, gate, refusals, meters), settings.cors_origins)
    names = RouteNames(route_templates(settings))
    outer = RequestLog(origins, meters, names)
    whole: App = FastPath(outer, cached, origins, gate, refusals, meters, names)
    if settings.trusted_proxies:
        anything: Any = whole
        proxied: Any = ProxyHeadersMiddleware(anything, list(settings.trusted_proxies))
        return cast("App", proxied)
    return whole


def api_routes(settings: Settings, gate: Gate) -> list[ControllerRouterHandler]:
    """Return the routes that the OpenAPI document tells."""
    tickets = live_tickets_route(lambda scope: gate.ticket_for(grant_of(scope)))
    streams = Router(
        "/api/v1/streams",
        route_handlers=[list_streams, get_stream, list_metrics, list_moments],
        before_request=require_readable_position,
    )
    return [index_route(settings.api_title), get_liveness, get_readiness, streams, tickets]


def page_routes(documents: Documents, title: str) -> list[ControllerRouterHandler]:
    """Return the routes of what is looked at in a browser, and of what it loads."""
    return [*documentation_routes(documents, title), dashboard_route(title), get_asset]


def route_templates(settings: Settings) -> Iterator[str]:
    """Yield the paths of all routes, each with what it leaves open in braces."""
    others = [
        *page_routes(Documents(openapi=bytes, asyncapi=bytes), ""),
        exposition_route(bytes),
        ask_for_a_socket,
    ]
    for handler in (*api_routes(settings, Gate(settings)), *others):
        if isinstance(handler, Router):
            yield from (route.path_format for route in handler.routes)
        elif isinstance(handler, BaseRouteHandler):
            yield from handler.paths


def openapi_document(settings: Settings | None = None) -> str:
    """Return the OpenAPI document (JSON)."""
    settings = settings or Settings()
    routes = api_routes(settings, Gate(settings))
    return openapi.build_document(routes, title=settings.api_title, sockets=[LIVE_SOCKET]).decode()


def asyncapi_document(settings: Settings | None = None) -> str:
    """Return the AsyncAPI document (JSON)."""
    settings = settings or Settings()
    return asyncapi.build_document([LIVE_SOCKET], title=settings.api_title).decode()
