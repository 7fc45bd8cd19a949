"""
The documentation pages and what they load, all of it from this package: they work where there is no internet.

The pages' content security policy holds them to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from telemetra.entrypoints.http.answers import CACHE_CONTROL, entity_tag, is_known
from telemetra.entrypoints.http.codings import compress, preferred_coding
from telemetra.entrypoints.http.headers import headers_named
from telemetra.entrypoints.paths import sent_path

_PACKAGE: Final = files("telemetra.entrypoints.http")
_JAVASCRIPT: Final = "text/javascript"
_ASSETS: Final = {
    "swagger-ui-bundle.js": ("assets", _JAVASCRIPT),
    "swagger-ui-standalone-preset.js": ("assets", _JAVASCRIPT),
    "swagger-ui.css": ("assets", "text/css"),
    "redoc.standalone.js": ("assets", _JAVASCRIPT),
    "swagger.js": ("pages", _JAVASCRIPT),
    "redoc.js": ("pages", _JAVASCRIPT),
    "asyncapi.js": ("pages", _JAVASCRIPT),
    "asyncapi.css": ("pages", "text/css"),
    "favicon.svg": ("pages", "image/svg+xml"),
}
_ASSETS_CACHE_CONTROL: Final = "public, max-age=86400"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; child-src blob:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_OWN_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For pages that are ours alone, and need no more."""


@dataclass(frozen=True, slots=True)
class _File:
    """Bytes that never change while the process runs."""

    body: bytes
    media_type: str
    tag: str

    def in_coding(self, coding: bytes) -> _File:
        """Return it compressed; its validator is another one."""
        if not coding:
            return self
        return _File(compress(self.body, coding), self.media_type, f'{self.tag[:-1]}-{coding.decode()}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """What the pages show, each made when it is asked for the first time."""

    openapi: Callable[[], bytes]
    asyncapi: Callable[[], bytes]


def documentation_routes(documents: Documents, title: str) -> list[HTTPRouteHandler]:
    """Return the routes of the pages, of what they load, and of the documents themselves."""

    @get("/docs", include_in_schema=False)
    async def get_swagger(request: Request[Any, Any, Any]) -> Response[str]:
        return _page(request, "swagger.html", title)

    @get("/redoc", include_in_schema=False)
    async def get_redoc(request: Request[Any, Any, Any]) -> Response[str]:
        return _page(request, "redoc.html", title)

    @get("/asyncapi", include_in_schema=False)
    async def get_messages(request: Request[Any, Any, Any]) -> Response[str]:
        return _page(request, "asyncapi.html", title, policy=_OWN_POLICY)

    openapi, asyncapi = _made_once(documents.openapi), _made_once(documents.asyncapi)

    @get("/openapi.json", include_in_schema=False)
    async def get_openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await _serve(request, openapi, CACHE_CONTROL)

    @get("/asyncapi.json", include_in_schema=False)
    async def get_asyncapi(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await _serve(request, asyncapi, CACHE_CONTROL)

    return [get_swagger, get_redoc, get_messages, get_openapi, get_asyncapi, get_asset]


def _made_once(document: Callable[[], bytes]) -> Callable[[bytes], _File]:
    """Return what makes a document's file in a coding, and remembers it; the document itself is made once."""
    plain = cache(lambda: _File(body := document(), "application/json", entity_tag(body)))
    return cache(lambda coding: plain().in_coding(coding))


@get("/assets/{name:str}", include_in_schema=False)
async def get_asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Return what a page loads."""
    if name not in _ASSETS:
        raise NotFoundException
    return await _serve(request, partial(_asset, name), _ASSETS_CACHE_CONTROL)


@cache
def _asset(name: str, coding: bytes) -> _File:
    folder, media_type = _ASSETS[name]
    body = (_PACKAGE / folder / name).read_bytes()
    return _File(body, media_type, entity_tag(body)).in_coding(coding)


async def _serve(
    request: Request[Any, Any, Any], made: Callable[[bytes], _File], cache_control: str
) -> Response[bytes]:
    """Answer with a file in the coding that the client likes best; the first time each is made beside the loop."""
    coding = preferred_coding(map(str.encode, headers_named(request.scope, b"accept-encoding")))
    file = await asyncio.to_thread(made, coding)
    headers = {"ETag": file.tag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if coding:
        headers["Content-Encoding"] = coding.decode()
    if is_known(request.scope, file.tag):
        headers.pop("Content-Encoding", None)
        return Response(b"", status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)


def _page(request: Request[Any, Any, Any], name: str, title: str, *, policy: str = _POLICY) -> Response[str]:
    """
    Return a page whose references are relative, so that it works under any prefix of a proxy.

    For the same reason they would lead astray from a path that ends with a slash, which the router takes for the same:
    that is sent to the one without.
    """
    path = sent_path(request.scope)
    if path.endswith("/"):
        page = path.rstrip("/").rpartition("/")[2]
        return Response(
            "", status_code=308, headers={"Location": f"../{page}", "Cache-Control": CACHE_CONTROL}
        )
    text = Template((_PACKAGE / "pages" / name).read_text()).substitute(title=escape(title))
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": CACHE_CONTROL,
        "Referrer-Policy": "no-referrer",
    }
    return Response(text, media_type="text/html", headers=headers)
