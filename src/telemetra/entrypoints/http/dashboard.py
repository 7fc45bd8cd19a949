"""The dashboard: one page, which finds all it shows through the public API. What it is made of lies in `clients/dashboard`."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from telemetra.entrypoints.http.served_pages import OWN_POLICY, page

# Ids and titles are whatever a writer wrote: the browser refuses to take any text for HTML.
_POLICY: Final = f"{OWN_POLICY}; require-trusted-types-for 'script'; trusted-types 'none'"


def dashboard_route(title: str) -> HTTPRouteHandler:
    """Return the route of the page. Its own pages stand after the `#`, which no server sees."""

    @get("/dashboard", include_in_schema=False)
    async def get_dashboard(request: Request[Any, Any, Any]) -> Response[str]:
        return page(request, "dashboard.html", title, policy=_POLICY)

    return get_dashboard
