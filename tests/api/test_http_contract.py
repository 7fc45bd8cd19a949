"""Every body of every answer that the OpenAPI document tells, held against the document as it is served."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import httpx
import pytest

from telemetra.adapters.memory import MemoryCredentials
from telemetra.entrypoints.app import openapi_document
from telemetra.settings import Settings
from tests.api.http_service import Service, running
from tests.api.test_access import TOKENS, bearer
from tests.documented import Documented, spoilt

_PATHS: dict[str, Any] = json.loads(openapi_document(Settings()))["paths"]
_TOLD = [
    (method, path, status)
    for path, item in _PATHS.items()
    for method, operation in item.items()
    for status, response in operation["responses"].items()
    if "content" in response
]
"""Each answer with a body: of which operation, with which status."""

Case: TypeAlias = Callable[[], AbstractAsyncContextManager[tuple[Service, dict[str, str]]]]
"""Runs the application so that requests with these headers get the answer."""


class _Broken:
    """Fails as nobody foresaw."""

    async def list(self, query: Any) -> Any:
        raise RuntimeError

    async def get(self, stream_id: str) -> Any:
        raise RuntimeError


def _fail() -> bytes:
    raise RuntimeError


@asynccontextmanager
async def _well(**settings: Any) -> AsyncIterator[tuple[Service, dict[str, str]]]:
    async with running(**settings) as service:
        await service.write("demo", windows=3, moments=3)
        yield service, {}


@asynccontextmanager
async def _picky() -> AsyncIterator[tuple[Service, dict[str, str]]]:
    async with _well() as (service, _):
        yield service, {"Accept": "image/png"}


@asynccontextmanager
async def _away() -> AsyncIterator[tuple[Service, dict[str, str]]]:
    async with _well() as (service, _):
        with service.database.unavailable():
            yield service, {}


@asynccontextmanager
async def _impatient() -> AsyncIterator[tuple[Service, dict[str, str]]]:
    async with _well(rate_limit_per_minute=1) as (service, _):
        await service.get("/")
        yield service, {}


@asynccontextmanager
async def _broken() -> AsyncIterator[tuple[Service, dict[str, str]]]:
    ports = dict.fromkeys(("streams", "metrics", "moments"), _Broken()) | {"ticket_key": _fail}
    async with running(replaced=ports) as service:
        yield service, {}


def _guarded(*shown: str) -> Case:
    @asynccontextmanager
    async def case() -> AsyncIterator[tuple[Service, dict[str, str]]]:
        async with running(replaced={"credentials": MemoryCredentials(*TOKENS.values())}) as service:
            yield service, dict(pair for name in shown for pair in bearer(name).items())

    return case


_CASES: dict[str, Case] = {
    "200": _well,
    "201": _well,
    "401": _guarded(),
    "403": _guarded("writer"),
    "404": _well,
    "406": _picky,
    "421": lambda: _well(allowed_hosts=("elsewhere.example",)),
    "422": _well,
    "429": _impatient,
    "500": _broken,
    "503": _away,
}


async def _ask(
    service: Service, method: str, path: str, status: str, headers: dict[str, str]
) -> httpx.Response:
    url = path.replace("{stream_id}", "nobody" if status == "404" else "demo")
    query = "?unheard_of=1" if status == "422" else ""
    return await service.client.request(method, f"{url}{query}", headers=headers)


@pytest.mark.parametrize(("method", "path", "status"), _TOLD)
async def test_a_body_is_as_the_document_says_and_nothing_spoilt_is(
    method: str, path: str, status: str
) -> None:
    async with _CASES[status]() as (service, headers):
        answer = await _ask(service, method, path, status, headers)
        assert str(answer.status_code) == status, answer.text
    async with _well() as (service, _):
        documented = Documented((await service.get("/openapi.json")).json())
    told = documented.document["paths"][path][method]["responses"][status]["content"]
    assert answer.headers["content-type"] in told
    schema = told[answer.headers["content-type"]]["schema"]
    body = answer.json()
    assert body
    assert documented.mismatches(body, schema) == []
    for what, worse in spoilt(body):
        if not _is_free(what):
            assert documented.mismatches(worse, schema), what


def _is_free(what: str) -> bool:
    """Whether a field's schema leaves to others what stands in it: a moment's writer, and the list of links."""
    return "metadata: " in what or what.startswith("links: ")
