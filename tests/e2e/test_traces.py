"""Traces as operators have them: a real service, a collector, and what the two make of a request."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import websockets
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from telemetra.adapters.postgres import PostgresAddress
from tests.collector import Collector, attributes_of, collecting
from tests.databases import connected
from tests.e2e.reading import patient
from tests.e2e.service import Service, external, run_telemetra, serving, when_following

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
METRICS = "GET /api/v1/streams/{stream_id}/metrics"
AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
async def filled(database: PostgresAddress) -> PostgresAddress:
    async with connected(database) as writer:
        await writer.execute("insert into streams (stream_id) values ('lo fi')")
    return database


@pytest.fixture
async def service(
    filled: PostgresAddress, redis_url: str, collector: Collector, data_dir: Path
) -> AsyncIterator[Service]:
    """A service that keeps nothing in its own memory, so that it asks Redis."""
    settings = patient(filled, redis_url, CACHE_MEMORY_BYTES="0", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    async with serving(data_dir, **settings, **AT_ONCE) as service:
        await when_following(service)
        yield service


async def get(service: Service, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=20) as client:
        return await client.get(path, headers=headers)


def children(collector: Collector, parent: Span) -> dict[str, Span]:
    return {span.name: span for span in collector.spans if span.parent_span_id == parent.span_id}


async def test_a_request_is_a_span_with_what_it_asked_of_others_below_it(
    service: Service, collector: Collector
) -> None:
    assert (await get(service, "/api/v1/streams/lo%20fi/moments")).status_code == 200
    sent = {"traceparent": f"00-{TRACE}-{PARENT}-01", "User-Agent": "tests"}
    answer = await get(service, "/api/v1/streams/lo%20fi/metrics?limit=7", **sent)
    assert answer.status_code == 200
    await collector.until(lambda: collector.named(METRICS))
    (span,) = collector.named(METRICS)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert span.kind == Span.SPAN_KIND_SERVER
    told = attributes_of(span.attributes)
    assert told["http.route"] == "/api/v1/streams/{stream_id}/metrics"
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", int(service.url.rpartition(":")[2]))
    assert (told["http.request.method"], told["http.response.status_code"]) == ("GET", 200)
    assert "limit" not in str(told)
    await collector.until(lambda: len(children(collector, span)) == 2)
    redis, postgres = (
        children(collector, span)[name] for name in ("GET answer", "SELECT chat_summary_minute")
    )
    assert redis.kind == postgres.kind == Span.SPAN_KIND_CLIENT
    assert redis.trace_id == postgres.trace_id == span.trace_id
    assert attributes_of(redis.attributes) == {
        "db.system.name": "redis",
        "db.operation.name": "GET",
        "telemetra.found": False,
    }
    assert attributes_of(postgres.attributes) == {
        "db.system.name": "postgresql",
        "db.operation.name": "SELECT",
        "db.collection.name": "chat_summary_minute",
        "telemetra.stream_id": "lo fi",
    }
    assert collector.resources[0]["service.name"] == "telemetra"


async def test_an_answer_from_the_cache_is_a_span_too(
    filled: PostgresAddress, redis_url: str, collector: Collector, data_dir: Path
) -> None:
    settings = patient(filled, redis_url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    async with serving(data_dir, **settings, **AT_ONCE) as service:
        await when_following(service)
        for _ in range(5):
            assert (await get(service, "/api/v1/streams/lo%20fi/metrics")).status_code == 200
        await collector.until(lambda: len(collector.named(METRICS)) == 5)
    asked = [bool(children(collector, span)) for span in collector.named(METRICS)]
    assert asked.count(False) >= 3


async def test_a_request_without_a_trace_begins_one_whose_id_is_on_its_line(
    service: Service, collector: Collector
) -> None:
    answer = await get(service, "/api/v1/streams/lo%20fi/metrics")
    line = await service.logged(request_id=answer.headers["X-Request-ID"])
    await collector.until(lambda: collector.named(METRICS))
    (span,) = collector.named(METRICS)
    assert line["trace_id"] == span.trace_id.hex()
    assert not span.parent_span_id


async def test_a_trace_that_came_with_the_request_is_on_its_line(service: Service) -> None:
    answer = await get(service, "/api/v1/streams/lo%20fi", traceparent=f"00-{TRACE}-{PARENT}-01")
    line = await service.logged(request_id=answer.headers["X-Request-ID"])
    assert line["trace_id"] == TRACE


async def test_a_trace_that_its_sender_does_not_want_kept_is_not(
    service: Service, collector: Collector
) -> None:
    answer = await get(service, "/api/v1/streams/lo%20fi", traceparent=f"00-{TRACE}-{PARENT}-00")
    line = await service.logged(request_id=answer.headers["X-Request-ID"])
    assert line["trace_id"] == TRACE
    await get(service, "/api/v1/streams")
    await collector.until(lambda: collector.named("GET /api/v1/streams"))
    assert TRACE not in {span.trace_id.hex() for span in collector.spans}


async def test_spans_are_named_by_route_and_health_has_none(service: Service, collector: Collector) -> None:
    for path in ("/health", "/api/v1/health", "/nothing/here/1", "/nothing/here/2", "/docs", "/"):
        await get(service, path)
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        await client.request("PROPFIND", "/api/v1/streams")
    assert (await get(service, "/api/v1/streams/health")).status_code == 404
    last = "GET /api/v1/streams/{stream_id}"
    await collector.until(lambda: collector.named(last))
    requests = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert sorted(span.name for span in requests) == [
        *("GET", "GET", "GET /", last, "GET /docs", "HTTP /api/v1/streams"),
    ]
    asked = children(collector, collector.named(last)[0])["SELECT streams"]
    assert asked.status.code == Status.STATUS_CODE_UNSET, "that there is no stream is an answer"
    assert not [span for span in collector.spans if span.name.startswith("PING")]


async def test_what_a_listener_reads_belongs_to_the_trace_that_it_came_with(
    service: Service, collector: Collector
) -> None:
    trace = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    async with websockets.connect(f"{service.live_url}/lo%20fi", additional_headers=trace) as listener:
        async with asyncio.timeout(30):
            while json.loads(await listener.recv())["type"] != "snapshot":
                pass
        await collector.until(lambda: collector.named("SELECT snapshot"))
    (span,) = collector.named("SELECT snapshot")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)


async def test_what_is_published_is_a_span(
    service: Service, collector: Collector, filled: PostgresAddress
) -> None:
    async with connected(filled) as writer, asyncio.timeout(60):
        while not collector.named("PUBLISH step"):
            await writer.execute("update streams set title = coalesce(title, '') || 'x'")
            await asyncio.sleep(0.1)
    span = collector.named("PUBLISH step")[0]
    assert attributes_of(span.attributes)["db.system.name"] == "redis"


async def test_what_goes_wrong_is_an_error_of_its_span(
    service: Service, collector: Collector, filled: PostgresAddress
) -> None:
    async with connected(filled) as operator:
        await operator.execute("alter table chat_summary_minute rename to gone")
        assert (await get(service, "/api/v1/streams/lo%20fi/metrics")).status_code == 500
    await collector.until(lambda: collector.named(METRICS))
    (span,) = collector.named(METRICS)
    assert span.status.code == Status.STATUS_CODE_ERROR
    asked = children(collector, span)["SELECT chat_summary_minute"]
    assert asked.status.code == Status.STATUS_CODE_ERROR
    assert attributes_of(asked.attributes)["error.type"] == "UndefinedTableError"


async def test_the_sdk_s_own_variables_hold(
    filled: PostgresAddress, redis_url: str, collector: Collector, data_dir: Path
) -> None:
    settings = external(filled, redis_url) | {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
        "OTEL_SERVICE_NAME": "analytics",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=tests",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20t0ken",
    }
    async with serving(data_dir, **settings) as service:
        await get(service, "/api/v1/streams")
    resource = collector.resources[0]
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("analytics", "tests")
    assert collector.headers[0]["authorization"] == "Bearer t0ken"


async def test_the_sdk_may_be_disabled_and_a_trace_is_passed_on_nonetheless(
    filled: PostgresAddress, redis_url: str, collector: Collector, data_dir: Path
) -> None:
    settings = external(filled, redis_url) | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    async with serving(data_dir, **settings, OTEL_SDK_DISABLED="true") as service:
        answer = await get(service, "/api/v1/streams", traceparent=f"00-{TRACE}-{PARENT}-01")
        assert (await get(service, "/api/v1/streams")).status_code == 200
        assert (await service.logged(request_id=answer.headers["X-Request-ID"]))["trace_id"] == TRACE
    assert not collector.spans


async def test_what_is_left_at_the_end_is_sent(
    filled: PostgresAddress, redis_url: str, collector: Collector, data_dir: Path
) -> None:
    settings = external(filled, redis_url) | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    async with serving(data_dir, **settings, OTEL_BSP_SCHEDULE_DELAY="600000") as service:
        await get(service, "/api/v1/streams")
        assert not collector.spans
        assert await service.end() == 0
    assert collector.named("GET /api/v1/streams")


@pytest.mark.parametrize("how", ["refuses", "hangs"])
async def test_a_collector_that_is_away_costs_one_line(
    filled: PostgresAddress, redis_url: str, data_dir: Path, how: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if how == "refuses":
            silent.close()
        settings = patient(filled, redis_url, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://u:s3cret@127.0.0.1:{port}")
        own = AT_ONCE | {
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
            "OTEL_BSP_MAX_QUEUE_SIZE": "20",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
        }
        async with serving(data_dir, **settings, **own) as service:
            async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=20) as client:
                for _ in range(100):
                    began = time.monotonic()
                    assert (await client.get("/api/v1/streams")).status_code == 200
                    assert time.monotonic() - began < 5
                line = await service.logged(event="traces_not_exported")
                assert line["collector"].startswith("http://127.0.0.1:")
                assert "s3cret" not in str(line)
                for _ in range(100):
                    assert (await client.get("/api/v1/streams")).status_code == 200
            began = time.monotonic()
            assert await service.end() == 0
            assert time.monotonic() - began < 8
        lines = [json.loads(line) for line in service.log]
        told = [
            line["event"] for line in lines if line["event"] != "http_request" and line["level"] != "info"
        ]
        assert told.count("traces_not_exported") == 1
        assert set(told) <= {"traces_not_exported", "traces_dropped"}


async def test_an_end_waits_three_seconds_for_a_collector_and_no_longer(
    filled: PostgresAddress, redis_url: str, data_dir: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = patient(
            filled, redis_url, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_TIMEOUT="60"
        )
        async with serving(data_dir, **settings) as service:
            assert (await get(service, "/api/v1/streams")).status_code == 200
            began = time.monotonic()
            assert await service.end() == 0
            assert time.monotonic() - began < 10
        assert (await service.logged(event="traces_dropped"))["level"] == "warning"


async def test_without_the_packages_a_start_says_how_to_install_them(data_dir: Path, tmp_path: Path) -> None:
    shadow = tmp_path / "shadow"
    (shadow / "opentelemetry").mkdir(parents=True)
    (shadow / "opentelemetry" / "__init__.py").touch()
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "PYTHONPATH": ":".join([str(shadow), *sys.path]),
    }
    code, _, error = await run_telemetra(data_dir, "serve", "--port", "0", **settings)
    assert code == 1
    assert len(error.strip().splitlines()) == 1
    assert "pip install 'telemetra[otel]'" in error


@pytest.mark.parametrize("name", ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_PROPAGATORS"])
async def test_a_variable_that_the_sdk_cannot_use_is_one_line(data_dir: Path, name: str) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", name: "nonsense"}
    code, _, error = await run_telemetra(data_dir, "serve", "--port", "0", **settings)
    assert code == 1
    assert len(error.strip().splitlines()) == 1
    assert "nonsense" in error
