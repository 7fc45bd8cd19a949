"""What is around the bodies: validators, HEAD, origins, request ids, problems, and the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from structlog.typing import EventDict

from telemetra.domain.errors import DatabaseUnavailable, TelemetraError
from telemetra.domain.queries import ListStreams
from tests.api.http_service import Service, running

_READS = [
    "/api/v1/streams",
    "/api/v1/streams/lofi",
    "/api/v1/streams/lofi/metrics?limit=2",
    "/api/v1/streams/lofi/moments?limit=2",
]
_EVERYTHING = [
    *_READS,
    "/",
    "/health",
    "/api/v1/health",
    "/dashboard",
    "/docs",
    "/redoc",
    "/asyncapi",
    "/openapi.json",
    "/asyncapi.json",
    "/assets/redoc.js",
]
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """The log's lines, with what is bound to them."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


@asynccontextmanager
async def _failing(error: BaseException | type[BaseException], **settings: Any) -> AsyncIterator[Service]:
    class Broken:
        async def list(self, query: ListStreams) -> Any:
            raise error

        async def get(self, stream_id: str) -> Any:
            raise error

    origins = ("https://ok.example",)
    async with running(replaced={"streams": Broken()}, cors_origins=origins, **settings) as service:
        yield service


def _vary(answer: Any) -> set[str]:
    return {part.strip() for part in answer.headers["vary"].split(",")}


@pytest.mark.parametrize("url", _READS)
async def test_a_read_says_how_to_keep_it(service: Service, url: str) -> None:
    answer = await service.get(url)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["etag"].startswith('"')
    assert _vary(answer) == {"Origin", "Accept", "Accept-Encoding"}


@pytest.mark.parametrize("url", [*_READS, "/openapi.json", "/asyncapi.json", "/assets/swagger-ui.css"])
@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"other", {tag}', '"a,b",W/{tag}', "*"])
async def test_what_the_client_has_is_not_sent_again(service: Service, url: str, form: str) -> None:
    full = await service.get(url)
    answer = await service.get(url, If_None_Match=form.format(tag=full.headers["etag"]))
    assert (answer.status_code, answer.content) == (304, b"")
    for name in ("etag", "cache-control", "vary", "link", "telemetra-position"):
        assert answer.headers.get(name) == full.headers.get(name)


@pytest.mark.parametrize("form", ["{bare}", '"other"', '"{bare}x"', "", '"', "W/"])
async def test_what_the_client_has_not_is_sent(service: Service, form: str) -> None:
    tag = (await service.get(_READS[0])).headers["etag"]
    answer = await service.get(_READS[0], If_None_Match=form.format(bare=tag.strip('"')))
    assert answer.status_code == 200


async def test_a_validator_changes_with_the_body(service: Service) -> None:
    tag = (await service.get("/api/v1/streams/lofi")).headers["etag"]
    await service.write("lofi", title="Another title")
    position = str(service.database.position())
    answer = await service.get("/api/v1/streams/lofi", If_None_Match=tag, Telemetra_Position=position)
    assert (answer.status_code, answer.json()["title"]) == (200, "Another title")


@pytest.mark.parametrize("url", [*_EVERYTHING, "/api/v1/streams/nobody", "/nowhere"])
async def test_head_has_get_s_headers_and_no_body(service: Service, url: str) -> None:
    got, head = await service.get(url), await service.client.head(url)
    assert head.status_code == got.status_code
    assert head.content == b""
    own = {"x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in own} == {
        k: v for k, v in got.headers.items() if k not in own
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
@pytest.mark.parametrize("url", ["/api/v1/streams", "/api/v1/streams/lofi", "/health", "/docs"])
async def test_another_method_is_405_with_those_that_are_allowed(
    service: Service, method: str, url: str
) -> None:
    answer = await service.client.request(method, url)
    assert answer.status_code == 405
    assert {part.strip() for part in answer.headers["allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}
    assert answer.json()["code"] == "method_not_allowed"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


async def test_options_says_which_methods_are_allowed(service: Service) -> None:
    answer = await service.client.options("/api/v1/streams")
    assert answer.status_code == 204
    assert {part.strip() for part in answer.headers["allow"].split(",")} == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    "path",
    [b"/nowhere", b"/api", b"/api/v1", b"/api/v1/streams/lofi/nothing", b"/docs/x", b"/assets/x", b"/schema",
     b"/assets/..%2Fproblems.py", b"/assets/%2e%2e/problems.py", b"//", b"/%", b"/%ff", b"/api/v1/streams/a/b/metrics"],
)  # fmt: skip
async def test_an_unknown_path_is_a_problem(service: Service, path: bytes) -> None:
    answer = await service.raw(path)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem == {
        "type": "urn:telemetra:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this path. /docs tells what there is.",
        "code": "not_found",
        "request_id": answer.headers["x-request-id"],
    }


async def test_the_socket_s_path_asks_for_a_socket(service: Service) -> None:
    answer = await service.get("/ws/live/lofi")
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.json()["code"] == "upgrade_required"


@pytest.mark.parametrize("url", [*_EVERYTHING, "/nowhere", "/api/v1/streams?limit=x"])
async def test_every_answer_has_a_request_id_of_its_own(service: Service, url: str) -> None:
    first, second = await service.get(url), await service.get(url)
    assert len(first.headers["x-request-id"]) == 32
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("name", ["r-1", "A._~9", "x" * 128])
async def test_a_sane_request_id_is_taken_over(service: Service, name: str) -> None:
    for url in ("/health", "/nowhere"):
        assert (await service.get(url, X_Request_ID=name)).headers["x-request-id"] == name


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "é", "a\tb", "<script>", "a\r\nX-Evil: 1"])
async def test_another_request_id_is_replaced(service: Service, name: str) -> None:
    answer = await service.raw(b"/health", headers=[(b"x-request-id", name.encode("latin-1"))])
    assert answer.headers["x-request-id"] != name
    assert "x-evil" not in answer.headers


async def test_one_line_tells_a_request(service: Service, logged: list[EventDict]) -> None:
    await service.get("/api/v1/streams/lofi?token=secret", X_Request_ID="r-1")
    (line,) = logged
    assert isinstance(line.pop("duration_ms"), float)
    assert line == {
        "event": "http_request",
        "log_level": "info",
        "method": "GET",
        "path": "/api/v1/streams/lofi",
        "status": 422,
        "request_id": "r-1",
        "client": "127.0.0.1",
    }


@pytest.mark.parametrize("url", ["/health", "/api/v1/health", "/metrics"])
async def test_a_probe_that_goes_well_is_told_to_who_debugs_alone(
    service: Service, logged: list[EventDict], url: str
) -> None:
    await service.get(url)
    await service.get(f"{url}?x=y")
    assert [line for line in logged if line["log_level"] != "debug"] == []
    await service.client.delete(url)
    assert (logged[-1]["status"], logged[-1]["log_level"]) == (405, "info")


@pytest.mark.parametrize("url", ["/health", "/nowhere", "/api/v1/streams?limit=x", "/ws/live/lofi"])
async def test_the_line_has_the_status_as_a_plain_number(
    service: Service, logged: list[EventDict], url: str
) -> None:
    answer = await service.get(url)
    (line,) = logged
    assert (line["status"], type(line["status"])) == (answer.status_code, int)


async def test_a_log_line_has_the_method_and_path_as_they_were_sent(
    service: Service, logged: list[EventDict]
) -> None:
    await service.client.head("/health")
    await service.raw(b"/api/v1//streams/a%0d%0aevil\x1b[2J\xff")
    assert [(line["method"], line["path"]) for line in logged] == [
        ("HEAD", "/health"),
        ("GET", "/api/v1//streams/a%0d%0aevil%1B%5B2J%FF"),
    ]


@pytest.mark.parametrize(
    ("given", "trace"),
    [
        (f"00-{_TRACE}-00f067aa0ba902b7-01", _TRACE),
        (f"cc-{_TRACE}-00f067aa0ba902b7-01-later", _TRACE),
        (f"00-{_TRACE}-00f067aa0ba902b7-01-later", None),
        (f"ff-{_TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{_TRACE}-{'0' * 16}-01", None),
        (f"00-{_TRACE.upper()}-00f067aa0ba902b7-01", None),
        ("nonsense", None),
    ],
)
async def test_a_trace_is_on_the_line(
    service: Service, logged: list[EventDict], given: str, trace: str | None
) -> None:
    answer = await service.get("/health", traceparent=given)
    assert logged[0].get("trace_id") == trace
    assert answer.headers["x-request-id"] != trace


@pytest.mark.parametrize("error", [RuntimeError("password=hunter2"), TelemetraError("password=hunter2")])
async def test_what_nobody_foresaw_is_500_without_details(error: Exception, logged: list[EventDict]) -> None:
    async with _failing(error) as service:
        answer = await service.get("/api/v1/streams", X_Request_ID="r-1", Origin="https://ok.example")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "https://ok.example"
    assert "hunter2" not in answer.text
    assert answer.json()["code"] == "internal_error"
    assert answer.json()["request_id"] == "r-1"
    told, request = logged
    assert "hunter2" in str(told.get("exc_info")) + str(told.get("reason"))
    assert told["request_id"] == request["request_id"] == "r-1"
    assert request["status"] == 500


async def test_a_developer_sees_what_went_wrong() -> None:
    async with _failing(RuntimeError("the reason"), debug=True) as service:
        answer = await service.get("/api/v1/streams")
    assert answer.status_code == 500
    assert answer.json()["detail"] == "RuntimeError: the reason"


async def test_a_request_that_is_cancelled_leaves_its_line(logged: list[EventDict]) -> None:
    async with _failing(asyncio.CancelledError) as service:
        with pytest.raises(asyncio.CancelledError):
            await service.raw(b"/api/v1/streams")
    assert [(line["event"], line["status"]) for line in logged] == [("http_request", 499)]


@pytest.mark.parametrize("url", _READS)
async def test_without_the_database_reads_are_503_with_advice(service: Service, url: str) -> None:
    with service.database.unavailable():
        answer = await service.get(url)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["code"] == "database_unavailable"
    assert (await service.get(url)).status_code == 200


async def test_why_the_database_refuses_is_told_in_the_log_and_not_to_the_client(
    logged: list[EventDict],
) -> None:
    reason = "PostgreSQL at svc@10.0.0.5:5432/telemetra refuses: password authentication failed."
    async with _failing(DatabaseUnavailable(reason)) as service:
        answer = await service.get("/api/v1/streams")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "The database is not available."
    assert logged[0]["reason"] == reason


@pytest.mark.parametrize("url", [*_EVERYTHING, "/nowhere", "/api/v1/streams?limit=x"])
async def test_a_page_of_an_allowed_origin_may_read_answers_and_their_headers(
    service: Service, url: str
) -> None:
    answer = await service.get(url, Origin="https://ok.example")
    assert answer.headers["access-control-allow-origin"] == "https://ok.example"
    exposed = {part.strip() for part in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed == {
        *("Link", "ETag", "Content-Disposition", "Telemetra-Position", "X-Request-ID"),
        *("RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate"),
    }
    assert "Origin" in _vary(answer)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://ok.example.evil", "null", "http://ok.example"]
)
async def test_a_page_of_another_origin_may_not(service: Service, origin: str) -> None:
    answer = await service.get("/api/v1/streams", Origin=origin)
    assert "access-control-allow-origin" not in answer.headers
    assert "Origin" in _vary(answer)


async def test_a_preflight_is_answered(service: Service) -> None:
    asked = {
        "Origin": "https://ok.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "telemetra-position, x-request-id, if-none-match",
    }
    answer = await service.client.options("/api/v1/streams/lofi/metrics", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "https://ok.example"
    allowed = {part.strip().lower() for part in answer.headers["access-control-allow-headers"].split(",")}
    assert allowed >= {"telemetra-position", "x-request-id", "if-none-match", "traceparent"}
    assert "x-request-id" in answer.headers
    refused = await service.client.options(
        "/api/v1/streams", headers=asked | {"Origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in refused.headers


async def test_every_origin_may_be_allowed() -> None:
    async with running(cors_origins=("*",)) as service:
        answer = await service.get("/health", Origin="https://anybody.example")
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_no_origin_is_allowed_unless_it_is_named() -> None:
    async with running() as service:
        answer = await service.get("/health", Origin="https://anybody.example")
        assert "access-control-allow-origin" not in answer.headers
