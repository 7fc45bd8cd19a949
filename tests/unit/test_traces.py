"""What is told of the ports' calls, what the exporter says, and that nothing of it is there where traces are off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from structlog.testing import capture_logs

from telemetra.adapters.memory import MemoryDatabase, memory_ports
from telemetra.adapters.otel.export import ToldOnce
from telemetra.adapters.otel.ports import traced_ports
from telemetra.domain.errors import DatabaseUnavailable, StreamNotFound
from telemetra.domain.ports import Ports
from telemetra.domain.queries import ReadMetrics
from telemetra.entrypoints.app import route_templates
from telemetra.entrypoints.route_names import RouteNames
from telemetra.settings import Settings, SettingsInvalid, load_settings
from tests.contract.test_bus import a_moment_change, a_step

_OFF = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name, name=name)

if {refuse}:
    sys.meta_path.insert(0, Refuse())
import telemetra.asgi
print(*sorted(sys.modules))
"""


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def ports(database: MemoryDatabase, spans: InMemorySpanExporter) -> Ports:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return traced_ports(memory_ports(database), provider.get_tracer("tests"))


async def test_a_stream_that_there_is_not_is_an_answer(ports: Ports, spans: InMemorySpanExporter) -> None:
    with pytest.raises(StreamNotFound):
        await ports.streams.get("nobody")
    (span,) = spans.get_finished_spans()
    assert (span.name, span.status.status_code, span.events) == ("SELECT streams", StatusCode.UNSET, ())


async def test_a_database_that_is_away_is_an_error(
    ports: Ports, database: MemoryDatabase, spans: InMemorySpanExporter
) -> None:
    with database.unavailable(), pytest.raises(DatabaseUnavailable):
        await ports.metrics.list(ReadMetrics(stream_id="s"))
    (span,) = spans.get_finished_spans()
    assert (span.name, span.status.status_code) == ("SELECT chat_summary_minute", StatusCode.ERROR)
    assert span.attributes
    assert span.attributes["error.type"] == "database_unavailable"
    assert [event.name for event in span.events] == ["exception"]


async def test_names_tell_the_question_and_not_the_stream(ports: Ports, spans: InMemorySpanExporter) -> None:
    for stream_id in ("one", "two"):
        with pytest.raises(StreamNotFound):
            await ports.feed.snapshot(stream_id, windows=1, moments=1)
    told = spans.get_finished_spans()
    assert {span.name for span in told} == {"SELECT snapshot"}
    assert [span.attributes and span.attributes["telemetra.stream_id"] for span in told] == ["one", "two"]


async def test_beats_of_the_bus_have_no_span(ports: Ports, spans: InMemorySpanExporter) -> None:
    step = a_step(1, {"s": [a_moment_change()]})
    beat = type(step)(before=step.after, after=step.after, changes={})
    for published in (beat, step, beat):
        await ports.bus.publish(published)
    assert [span.name for span in spans.get_finished_spans()] == ["PUBLISH step"]


class Collecting(SpanExporter):
    """An exporter whose collector comes and goes."""

    def __init__(self) -> None:
        self.result = SpanExportResult.SUCCESS

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.result

    def shutdown(self) -> None:
        pass


def test_a_collector_that_comes_and_goes_is_told_once_each_time() -> None:
    collecting = Collecting()
    exporter = ToldOnce(collecting, collector="http://collector:4318/v1/traces")
    with capture_logs() as logs:
        for result in (SpanExportResult.FAILURE, SpanExportResult.SUCCESS):
            collecting.result = result
            for _ in range(3):
                assert exporter.export([]) is result
                assert exporter.is_away == (result is SpanExportResult.FAILURE)
    assert [line["event"] for line in logs] == ["traces_not_exported", "traces_exported_again"]
    assert {line["collector"] for line in logs} == {"http://collector:4318/v1/traces"}


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/api/v1/streams", "/api/v1/streams"),
        ("/api/v1/streams/lo%20fi", "/api/v1/streams/{stream_id}"),
        ("/api/v1/streams/health", "/api/v1/streams/{stream_id}"),
        ("/api/v1/streams/a%2Fb/moments", "/api/v1/streams/{stream_id}/moments"),
        ("/ws/live/a", "/ws/live/{stream_id}"),
        ("/openapi.json", "/openapi.json"),
        ("/asyncapi.json", "/asyncapi.json"),
        ("/asyncapi", "/asyncapi"),
        ("/openapiXjson", None),
        ("/api/v1/streams/a/b", None),
        ("/nothing", None),
    ],
)
def test_a_path_is_of_the_route_that_answers_it(path: str, route: str | None) -> None:
    assert (
        RouteNames(route_templates(Settings())).find(
            {"type": "http", "path": path, "raw_path": path.encode()}
        )
        == route
    )


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, "http://collector:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://host/otlp/"}, "https://host/otlp/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://host/mine"}, "http://host/mine"),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://host/mine",
            },
            "http://host/mine",
        ),
    ],
)
def test_traces_go_where_the_standard_s_variables_say(environ: dict[str, str], endpoint: str | None) -> None:
    assert load_settings(environ, env_file=None).traces_endpoint == endpoint


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
@pytest.mark.parametrize(
    "url", ["collector:4318", "grpc://collector", "http://", "http://u:s3cret@host:port"]
)
def test_what_is_no_address_of_a_collector_is_told_and_not_shown(name: str, url: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_settings({name: url}, env_file=None)
    assert caught.value.problems == [f"{name}: expected http://host[:port][/path] or https://..."]


def _modules(*, refuse: bool) -> set[str]:
    script = _OFF.format(refuse=refuse)
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": ":".join(sys.path), "HOME": "/nonexistent"},
    )
    return set(ran.stdout.split())


def test_where_traces_are_off_nothing_that_makes_them_is_loaded() -> None:
    loaded = _modules(refuse=False)
    assert "telemetra.bootstrap" in loaded
    # redis-py and Litestar look for the API and for metrics, wherever the packages are installed.
    makers = (
        "telemetra.adapters.otel",
        "opentelemetry.sdk.trace",
        "opentelemetry.exporter",
        "opentelemetry.proto",
    )
    assert not [name for name in loaded if name.startswith(makers)]


def test_where_the_packages_are_not_installed_nothing_asks_for_them() -> None:
    assert not [name for name in _modules(refuse=True) if name.startswith("opentelemetry")]
