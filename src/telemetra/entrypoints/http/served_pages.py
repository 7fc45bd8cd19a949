"""
Pages and what they load, all of it from this package: they work where there is no internet, and below any prefix of a proxy.

Knows which files there are, and nothing of what a page is about.
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
from litestar.params import FromPath

from telemetra.entrypoints.http.answers import CACHE_CONTROL, entity_tag, is_known
from telemetra.entrypoints.http.codings import compress, preferred_coding
from telemetra.entrypoints.http.headers import headers_named
from telemetra.entrypoints.paths import sent_path

_PACKAGE: Final = files("telemetra.entrypoints.http")
_JAVASCRIPT: Final = "text/javascript"
_CSS: Final = "text/css"
_KEPT: Final = "public, max-age=86400"
_ASSETS: Final = {
    "swagger-ui-bundle.js": ("assets", _JAVASCRIPT, _KEPT),
    "swagger-ui-standalone-preset.js": ("assets", _JAVASCRIPT, _KEPT),
    "swagger-ui.css": ("assets", _CSS, _KEPT),
    "redoc.standalone.js": ("assets", _JAVASCRIPT, _KEPT),
    "swagger.js": ("pages", _JAVASCRIPT, _KEPT),
    "redoc.js": ("pages", _JAVASCRIPT, _KEPT),
    "asyncapi.js": ("pages", _JAVASCRIPT, _KEPT),
    "asyncapi.css": ("pages", _CSS, _KEPT),
    # Asked for again each time, at the price of a 304: kept for a day they would outlive the API that they were built for.
    "dashboard.js": ("pages", _JAVASCRIPT, CACHE_CONTROL),
    "dashboard.css": ("pages", _CSS, CACHE_CONTROL),
    "favicon.svg": ("pages", "image/svg+xml", _KEPT),
}
"""Of each file: its folder, its media type, and how long a client may keep it."""
OWN_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of pages that are ours alone, and need no more."""


@dataclass(frozen=True, slots=True)
class File:
    """Bytes that never change while the process runs."""

    body: bytes
    media_type: str
    tag: str

    def in_coding(self, coding: bytes) -> File:
        """Return it compressed; its validator is another one."""
        if not coding:
            return self
        return File(compress(self.body, coding), self.media_type, f'{self.tag[:-1]}-{coding.decode()}"')


@get("/assets/{name:str}", include_in_schema=False)
async def get_asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Return what a page loads."""
    if name not in _ASSETS:
        raise NotFoundException
    return await serve(request, partial(_asset, name), _ASSETS[name][2])


@cache
def _asset(name: str, coding: bytes) -> File:
    folder, media_type, _ = _ASSETS[name]
    body = (_PACKAGE / folder / name).read_bytes()
    return File(body, media_type, entity_tag(body)).in_coding(coding)


async def serve(
    request: Request[Any, Any, Any], made: Callable[[bytes], File], cache_control: str
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


def page(request: Request[Any, Any, Any], name: str, title: str, *, policy: str) -> Response[str]:
    """
    Return a page whose references are relative, so that it works under any prefix of a proxy; its policy binds it.

    For the same reason they would lead astray from a path that ends with a slash, which the router takes for the same:
    that is sent to the one without.
    """
    path = sent_path(request.scope)
    if path.endswith("/"):
        last = path.rstrip("/").rpartition("/")[2]
        return Response(
            "", status_code=308, headers={"Location": f"../{last}", "Cache-Control": CACHE_CONTROL}
        )
    text = Template((_PACKAGE / "pages" / name).read_text()).substitute(title=escape(title))
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": CACHE_CONTROL,
        "Referrer-Policy": "no-referrer",
    }
    return Response(text, media_type="text/html", headers=headers)
