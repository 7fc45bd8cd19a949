"""The documentation: its pages, and the documents that they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from telemetra.entrypoints.http.answers import CACHE_CONTROL, entity_tag
from telemetra.entrypoints.http.served_pages import OWN_POLICY, File, page, serve

# Swagger UI and ReDoc style themselves, draw their own pictures, and work beside the page.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; child-src blob:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """What the pages show, each made when it is asked for the first time."""

    openapi: Callable[[], bytes]
    asyncapi: Callable[[], bytes]


def documentation_routes(documents: Documents, title: str) -> list[HTTPRouteHandler]:
    """Return the routes of the pages, and of the documents themselves."""

    @get("/docs", include_in_schema=False)
    async def get_swagger(request: Request[Any, Any, Any]) -> Response[str]:
        return page(request, "swagger.html", title, policy=_POLICY)

    @get("/redoc", include_in_schema=False)
    async def get_redoc(request: Request[Any, Any, Any]) -> Response[str]:
        return page(request, "redoc.html", title, policy=_POLICY)

    @get("/asyncapi", include_in_schema=False)
    async def get_messages(request: Request[Any, Any, Any]) -> Response[str]:
        return page(request, "asyncapi.html", title, policy=OWN_POLICY)

    openapi, asyncapi = _made_once(documents.openapi), _made_once(documents.asyncapi)

    @get("/openapi.json", include_in_schema=False)
    async def get_openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await serve(request, openapi, CACHE_CONTROL)

    @get("/asyncapi.json", include_in_schema=False)
    async def get_asyncapi(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await serve(request, asyncapi, CACHE_CONTROL)

    return [get_swagger, get_redoc, get_messages, get_openapi, get_asyncapi]


def _made_once(document: Callable[[], bytes]) -> Callable[[bytes], File]:
    """Return what makes a document's file in a coding, and remembers it; the document itself is made once."""
    plain = cache(lambda: File(body := document(), "application/json", entity_tag(body)))
    return cache(lambda coding: plain().in_coding(coding))
