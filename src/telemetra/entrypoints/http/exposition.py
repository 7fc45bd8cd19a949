"""The numbers of the service, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from telemetra.entrypoints.meters import MEDIA_TYPE


def exposition_route(told: Callable[[], bytes]) -> HTTPRouteHandler:
    """Return the route of the numbers; `told` gives them."""

    @get("/metrics", include_in_schema=False)
    async def get_metrics() -> Response[bytes]:
        return Response(told(), media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    return get_metrics
