"""Who may ask: hosts, tokens and their scopes, rates, and proxies that say who asks; over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from telemetra.adapters.memory import MemoryCredentials
from telemetra.domain.access import Grant, digest_of
from tests.api.http_service import Service, running

METRICS = "/api/v1/streams/lofi/metrics"
DATA = ("/api/v1/streams", "/api/v1/streams/lofi", METRICS, "/api/v1/streams/lofi/moments")
OPEN = (
    "/",
    "/health",
    "/api/v1/health",
    "/dashboard",
    "/docs",
    "/redoc",
    "/asyncapi",
    "/openapi.json",
    "/asyncapi.json",
    "/assets/favicon.svg",
)
TOKENS = {
    "reader": Grant(id=digest_of("tlm_reader"), name="reader", scopes=frozenset({"read"})),
    "narrow": Grant(
        id=digest_of("tlm_narrow"),
        name="narrow",
        scopes=frozenset({"read"}),
        streams=frozenset({"lofi", "a/b"}),
    ),
    "writer": Grant(id=digest_of("tlm_writer"), name="writer", scopes=frozenset({"write"})),
    "old": Grant(
        id=digest_of("tlm_old"),
        name="old",
        scopes=frozenset({"read"}),
        expires_at=datetime(2026, 1, 1, tzinfo=UTC),
    ),
}


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer tlm_{name}"}


@asynccontextmanager
async def guarded(**settings: Any) -> AsyncIterator[tuple[Service, MemoryCredentials]]:
    """Run the application over tokens, with streams `lofi`, `other` and `a/b`."""
    credentials = MemoryCredentials(*TOKENS.values())
    async with running(replaced={"credentials": credentials}, **settings) as service:
        for stream_id in ("lofi", "other", "a/b"):
            await service.write(stream_id, windows=3, moments=3)
        yield service, credentials


# --- Tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", [*DATA, "/api/v1/nothing", "/api/v1/streams/", "/api/v1/%73treams", "/elsewhere"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_without_a_token_nothing_is_told(url: str, method: str) -> None:
    async with guarded() as (service, _):
        answer = await service.client.request(method, url)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "telemetra-position" not in answer.headers
        if method != "HEAD":
            assert answer.json()["code"] == "credential_missing"


@pytest.mark.parametrize("url", OPEN)
async def test_what_says_how_it_is_used_is_open(url: str) -> None:
    async with guarded() as (service, _):
        assert (await service.get(url)).status_code == 200


@pytest.mark.parametrize("url", DATA)
async def test_a_token_opens_it(url: str) -> None:
    async with guarded() as (service, _):
        for _ in range(3):
            answer = await service.get(url, **bearer("reader"))
            assert answer.status_code == 200
            # What one bearer may see is for nobody else's cache.
            assert answer.headers["cache-control"] == "private, no-cache"


async def test_what_is_kept_for_one_is_not_told_to_another() -> None:
    async with guarded() as (service, _):
        kept = await service.get(METRICS, **bearer("reader"))
        assert (await service.get(METRICS, **bearer("reader"))).content == kept.content
        assert (await service.get(METRICS)).status_code == 401
        assert (await service.get(METRICS, **bearer("nobody"))).status_code == 401
        unchanged = await service.get(METRICS, If_None_Match=kept.headers["etag"])
        assert unchanged.status_code == 401


@pytest.mark.parametrize(
    "given",
    [
        "Bearer tlm_nobody",
        "Bearer",
        "Bearer ",
        "Basic dGxtX3JlYWRlcjo=",
        "tlm_reader",
        "Bearer tlm_reader tlm_reader",
        "Bearer tlm_reader\x00",
        "Bearer " + "x" * 5_000,
        "Bearer tlm_old",
        "Bearer é",
    ],
)
async def test_what_is_no_token_is_refused(given: str) -> None:
    async with guarded() as (service, _):
        answer = await service.raw(METRICS.encode(), headers=[(b"authorization", given.encode())])
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert b"credential_invalid" in answer.body


async def test_two_tokens_are_none() -> None:
    async with guarded() as (service, _):
        both = [(b"authorization", b"Bearer tlm_reader"), (b"authorization", b"Bearer tlm_writer")]
        assert (await service.raw(METRICS.encode(), headers=both)).status == 401


async def test_a_scheme_is_a_scheme_in_any_letters() -> None:
    async with guarded() as (service, _):
        assert (await service.get(METRICS, Authorization="bearer   tlm_reader")).status_code == 200


async def test_a_token_that_is_not_for_reading_reads_nothing() -> None:
    async with guarded() as (service, _):
        for url in DATA:
            answer = await service.get(url, **bearer("writer"))
            assert answer.status_code == 403
            assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
            assert answer.json()["code"] == "access_denied"


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/api/v1/streams/lofi", 200),
        ("/api/v1/streams/lofi/metrics", 200),
        ("/api/v1/streams/a%2Fb/moments", 200),
        ("/api/v1/streams/%6Cofi", 200),
        ("/api/v1/streams/other", 403),
        ("/api/v1/streams/other/metrics", 403),
        ("/api/v1/streams/%6Fther/metrics/", 403),
        ("/api/v1/streams/unheard-of", 403),
        ("/api/v1/streams/%FF", 422),
    ],
)
async def test_a_token_for_some_streams_opens_those_alone(url: str, status: int) -> None:
    async with guarded() as (service, _):
        await service.get(url, **bearer("reader"))
        assert (await service.get(url, **bearer("narrow"))).status_code == status


async def test_a_token_for_some_streams_lists_those_alone() -> None:
    async with guarded() as (service, _):
        everything = await service.get("/api/v1/streams", **bearer("reader"))
        for _ in range(2):
            narrow = await service.get("/api/v1/streams", **bearer("narrow"))
            assert {stream["stream_id"] for stream in narrow.json()} == {"lofi", "a/b"}
        again = await service.get("/api/v1/streams", **bearer("reader"))
        assert len(again.json()) == len(everything.json()) == 3
        head = await service.client.head("/api/v1/streams", headers=bearer("narrow"))
        assert head.headers["etag"] == narrow.headers["etag"]
        page = await service.get("/api/v1/streams?limit=1", **bearer("narrow"))
        (following,) = page.links.values()
        second = await service.get("/api/v1/streams" + following["url"], **bearer("narrow"))
        assert len(second.json()) == 1
        assert "next" not in second.links


async def test_a_token_that_is_taken_back_opens_nothing_more() -> None:
    async with guarded() as (service, credentials):
        assert (await service.get(METRICS, **bearer("reader"))).status_code == 200
        del credentials.grants[digest_of("tlm_reader")]
        assert (await service.get(METRICS, **bearer("reader"))).status_code == 401


async def test_a_page_may_read_why_it_is_refused_and_a_preflight_needs_no_token() -> None:
    async with guarded(cors_origins=("https://ok.example",)) as (service, _):
        refused = await service.get(METRICS, Origin="https://ok.example")
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://ok.example"
        asked = {
            "Origin": "https://ok.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        preflight = await service.client.options("/api/v1/live-tickets", headers=asked)
        assert preflight.status_code == 204
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        assert "POST" in preflight.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    ("root", "path"),
    [("/x", "/x/api/v1/streams/{}"), ("/x", "/api/v1/streams/{}"), ("/x/", "/x/api/v1/streams/{}/metrics")],
)
async def test_where_the_application_is_mounted_changes_nothing(root: str, path: str) -> None:
    async with guarded() as (service, _):
        headers = [(b"authorization", b"Bearer tlm_narrow")]
        for stream_id, status in (("lofi", 200), ("other", 403)):
            for _ in range(2):
                answer = await service.raw(path.format(stream_id).encode(), headers=headers, root_path=root)
                assert answer.status == status
        assert (await service.raw(b"/x/health", root_path=root)).status == 200


async def test_a_host_without_end_is_not_told_back() -> None:
    async with running(allowed_hosts=("example.org",)) as service:
        answer = await service.get("/docs", Host="a" * 40_000)
        assert answer.status_code == 421
        assert len(answer.content) < 1_000


# --- Hosts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("example.org", 200),
        ("EXAMPLE.org:8000", 200),
        ("example.org.", 200),
        ("a.b.example.net", 200),
        ("192.0.2.7:80", 200),
        ("[2001:db8::1]:8000", 200),
        ("example.net", 421),
        ("evilexample.net", 421),
        ("evil.example", 421),
        ("example.org.evil.example", 421),
        ("", 421),
    ],
)
async def test_only_the_hosts_that_are_named_are_answered_for(host: str, status: int) -> None:
    hosts = ("example.org", "*.example.net", "192.0.2.7", "2001:db8::1")
    async with running(allowed_hosts=hosts) as service:
        await service.write("lofi", windows=3)
        for url in (METRICS, METRICS, "/docs"):
            answer = await service.get(url, Host=host)
            assert answer.status_code == status
            assert status == 200 or answer.json()["code"] == "host_not_allowed"
        # Who looks after the service knows it by its address.
        assert (await service.get("/health", Host=host)).status_code == 200
        assert (await service.get("/api/v1/health", Host=host)).status_code == 200


async def test_a_host_that_is_two_is_none() -> None:
    async with running(allowed_hosts=("example.org",)) as service:
        twice = [(b"host", b"example.org")]
        assert (await service.raw(b"/docs", headers=twice)).status == 421
        assert (await service.get("/docs", Host="example.org, evil.example")).status_code == 421


# --- Rates ------------------------------------------------------------------------------------------------------------


async def test_a_client_that_asks_too_often_is_told_to_wait() -> None:
    async with running(rate_limit_per_minute=3) as service:
        await service.write("lofi", windows=3)
        answers = [await service.get(METRICS) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit-policy"] for answer in answers] == ['"default";q=3;w=60'] * 4
        assert [answer.headers["ratelimit"] for answer in answers] == [
            '"default";r=2;t=20',
            '"default";r=1;t=40',
            '"default";r=0;t=60',
            '"default";r=0;t=60',
        ]
        assert answers[3].json()["code"] == "too_many_requests"
        assert answers[3].headers["retry-after"] == "20"
        # What is kept, and other questions, count alike; whoever looks after the service is not counted.
        assert (await service.get("/api/v1/streams?limit=7")).status_code == 429
        assert (await service.get("/health")).status_code == 200


async def test_each_token_has_a_rate_of_its_own_and_guesses_have_the_address() -> None:
    async with guarded(rate_limit_per_minute=2) as (service, _):
        for name in ("reader", "narrow"):
            statuses = [(await service.get(METRICS, **bearer(name))).status_code for _ in range(3)]
            assert statuses == [200, 200, 429]
        guesses = [(await service.get(METRICS, **bearer(f"guess{n}"))).status_code for n in range(3)]
        assert guesses == [401, 401, 429]


async def _statuses(service: Service, *clients: tuple[str, str]) -> list[int]:
    """Ask from addresses, each with what a proxy says of it."""
    statuses = []
    for address, forwarded in clients:
        transport = httpx.ASGITransport(service.app, client=(address, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            statuses.append((await client.get(METRICS, headers={"X-Forwarded-For": forwarded})).status_code)
    return statuses


async def test_a_proxy_that_is_trusted_says_who_asks_and_nobody_else_does() -> None:
    async with running(rate_limit_per_minute=1, trusted_proxies=("10.0.0.0/8",)) as service:
        await service.write("lofi", windows=3)
        through = [("10.1.2.3", "192.0.2.1"), ("10.1.2.3", "192.0.2.2"), ("10.9.9.9", "192.0.2.1")]
        assert await _statuses(service, *through) == [200, 200, 429]
        # The first hop that is not trusted counts, whatever it says itself.
        assert await _statuses(service, ("10.1.2.3", "198.51.100.1, 192.0.2.2")) == [429]
        stranger = [("203.0.113.5", "192.0.2.8"), ("203.0.113.5", "192.0.2.9")]
        assert await _statuses(service, *stranger) == [200, 429]


# --- What every answer says -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [*DATA, *OPEN, "/nowhere", f"{METRICS}?limit=x"])
async def test_every_answer_tells_browsers_to_make_nothing_else_of_it(service: Service, url: str) -> None:
    for _ in range(2):
        answer = await service.get(url)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert len(answer.headers.get_list("content-security-policy")) == 1


# --- What the log says of who asks ------------------------------------------------------------------------------------


async def test_a_request_s_line_has_the_name_of_its_token_and_the_address_that_a_trusted_proxy_tells() -> (
    None
):
    async with guarded(trusted_proxies=("127.0.0.1",)) as (service, _):
        forwarded = {"X-Forwarded-For": "203.0.113.7"}
        asked = [
            (METRICS, bearer("reader")),
            # The second time it is kept.
            (METRICS, bearer("reader")),
            ("/api/v1/streams/other", bearer("narrow")),
            (METRICS, bearer("nobody")),
        ]
        with capture_logs() as logs:
            for url, headers in asked:
                await service.get(url, **headers, **forwarded)
            await service.client.post("/api/v1/live-tickets", headers=bearer("reader") | forwarded)
        lines = [line for line in logs if line["event"] == "http_request"]
        assert [(line["status"], line.get("token"), line["client"]) for line in lines] == [
            (200, "reader", "203.0.113.7"),
            (200, "reader", "203.0.113.7"),
            (403, "narrow", "203.0.113.7"),
            (401, None, "203.0.113.7"),
            (201, "reader", "203.0.113.7"),
        ]


async def test_whatever_a_trusted_proxy_tells_is_shown_in_part_only() -> None:
    async with guarded(trusted_proxies=("127.0.0.1",)) as (service, _):
        with capture_logs() as logs:
            await service.get(METRICS, **{"X-Forwarded-For": "x" * 5_000})
        (line,) = logs
        assert len(line["client"]) <= 64


async def test_who_asks_too_often_is_in_the_log() -> None:
    async with running(rate_limit_per_minute=1) as service:
        with capture_logs() as logs:
            await service.get("/")
            await service.get("/")
        assert [(line["status"], line["client"]) for line in logs] == [(200, "127.0.0.1"), (429, "127.0.0.1")]
