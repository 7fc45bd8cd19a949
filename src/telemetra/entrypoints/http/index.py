"""The service's front door: what this is, and where to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from telemetra.entrypoints.http.operations import Documented, operation

VERSION: Final = version("telemetra")

_LINKS: Final[Mapping[str, str]] = {
    "dashboard": "/dashboard",
    "documentation": "/docs",
    "reference": "/redoc",
    "openapi": "/openapi.json",
    "asyncapi": "/asyncapi.json",
    "health": "/api/v1/health",
    "metrics": "/metrics",
    "streams": "/api/v1/streams",
    "live": "/ws/live/{stream_id}",
    "live_reference": "/asyncapi",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What this service is."""

    name: str
    """What its operator calls it."""
    version: str
    """Which Telemetra it runs."""
    links: Mapping[str, str]
    """Where to look, by what is there."""


def index_route(name: str) -> HTTPRouteHandler:
    """Return the route of `/` for a service of this name."""
    index = Index(name=name, version=VERSION, links=_LINKS)

    @get(
        "/",
        operation_id="getIndex",
        tags=["Service"],
        summary="Where to look",
        operation_class=operation(Documented(answer="What this is, and where to look.", example=index)),
    )
    async def get_index() -> Response[Index]:
        """Return the service's name and version, and links to the rest."""
        return Response(index, headers={"Cache-Control": "no-cache"})

    return get_index
