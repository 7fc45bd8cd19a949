"""Metrics and moments as CSV and NDJSON: the rows that the pages have, all of them, read page by page."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin

import brotli
import httpx
import pytest
from structlog.testing import capture_logs

from telemetra.adapters.memory import MemoryDatabase, memory_ports
from telemetra.domain.changes import ChangeKind
from telemetra.domain.errors import DatabaseUnavailable, StreamNotFound
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.positions import Position
from telemetra.entrypoints.asgi import BREAK_OFF
from tests.api.exporting import ReadMetricsThrough, SlowClient, asking
from tests.api.http_service import START, Service, running, window
from tests.api.test_access import bearer, guarded

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

METRICS = "/api/v1/streams/lofi/metrics"
MOMENTS = "/api/v1/streams/lofi/moments"
WINDOWS, HAPPENED = 2_300, 450
PAGES = 3
"""So many pages are 2,300 windows."""
FLAGS = {"true": True, "false": False}


@pytest.fixture
async def full() -> AsyncIterator[Service]:
    """The application, with a stream of more rows than the largest page has."""
    async with running(cors_origins=("https://ok.example",)) as service:
        await service.write("lofi", windows=WINDOWS, moments=HAPPENED)
        yield service


@asynccontextmanager
async def watched(
    before: Callable[[int], None] = lambda _: None, **settings: Any
) -> AsyncIterator[tuple[Service, ReadMetricsThrough]]:
    """Run the application over windows whose pages are counted, and have something done before each."""
    database = MemoryDatabase()
    metrics = ReadMetricsThrough(memory_ports(database).metrics, before)
    async with running(database=database, replaced={"metrics": metrics}, **settings) as service:
        await service.write("lofi", windows=WINDOWS)
        yield service, metrics


async def all_pages(service: Service, url: str) -> list[dict[str, Any]]:
    answers = [await service.get(url)]
    while link := answers[-1].links.get("next"):
        answers.append(await service.get(urljoin(str(answers[-1].url), link["url"])))
    return [row for answer in answers for row in answer.json()]


def rows_of_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def as_json(row: dict[str, str]) -> dict[str, Any]:
    """Return a row of CSV as JSON has it."""
    texts = {"stream_id", "window_start", "window_end", "moment_id", "timestamp", "moment_type"}
    texts |= {"description", "metric_name"}
    read: dict[str, Any] = {}
    for name, cell in row.items():
        if cell == "":
            read[name] = None
        elif name in texts:
            read[name] = cell
        else:
            read[name] = FLAGS[cell] if cell in FLAGS else json.loads(cell)
    return read


def rows_of_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# --- Rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "count"), [(METRICS, WINDOWS), (MOMENTS, HAPPENED)])
async def test_an_export_has_every_row_of_the_pages_in_their_order(
    full: Service, url: str, count: int
) -> None:
    rows = await all_pages(full, f"{url}?limit=200")
    assert len(rows) == count
    table = await full.get(f"{url}?format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert list(map(as_json, rows_of_csv(table.text))) == rows
    lines = await full.get(f"{url}?format=ndjson")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert rows_of_lines(lines.text) == rows


async def test_a_table_has_the_names_of_the_wire_and_ends_its_lines_as_rfc_4180_has_it(full: Service) -> None:
    (row,) = (await full.get(f"{METRICS}?limit=1")).json()
    body = (await full.get(f"{METRICS}?format=csv&limit=2")).content
    assert body.startswith(b"stream_id,window_start,")
    lines = body.split(b"\r\n")
    assert lines[0].decode().split(",") == list(row)
    assert lines[-1] == b""
    assert len(lines) == 4
    assert body.count(b"\n") == 3


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("limit=1", [2299]),
        ("limit=1500", list(range(2299, 799, -1))),
        ("limit=2147483647", list(range(2299, -1, -1))),
        ("start_time=2026-05-01T18:10:00Z&end_time=2026-05-01T18:12:00Z", [11, 10]),
        ("start_time=2030-01-01", []),
        ("end_time=2026-05-01T18:03:00Z&limit=2", [2, 1]),
    ],
)
@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_an_export_is_of_what_was_asked_for(
    full: Service, query: str, counts: list[int], form: str
) -> None:
    answer = await full.get(f"{METRICS}?{query}&format={form}")
    rows = rows_of_csv(answer.text) if form == "csv" else rows_of_lines(answer.text)
    assert [int(row["chat_count"]) for row in rows] == counts


async def test_an_export_goes_on_where_a_page_ended(full: Service) -> None:
    page = await full.get(f"{METRICS}?limit=40")
    cursor = httpx.URL(page.links["next"]["url"]).params["cursor"]
    answer = await full.get(f"{METRICS}?format=ndjson&cursor={cursor}")
    assert page.json() + rows_of_lines(answer.text) == await all_pages(full, f"{METRICS}?limit=1000")


async def test_moments_of_one_type_and_time_are_exported(full: Service) -> None:
    which = "moment_type=viewer_spike&start_time=2026-05-01T19:00:00Z&end_time=2026-05-01T21:00:00Z"
    rows = rows_of_lines((await full.get(f"{MOMENTS}?format=ndjson&{which}")).text)
    assert rows == (await full.get(f"{MOMENTS}?limit=200&{which}")).json()
    assert len(rows) == 40
    assert {row["moment_type"] for row in rows} == {"viewer_spike"}


async def test_a_known_stream_with_nothing_is_a_table_without_rows(full: Service) -> None:
    await full.write("quiet")
    table = await full.get("/api/v1/streams/quiet/metrics?format=csv")
    assert (table.status_code, rows_of_csv(table.text)) == (200, [])
    assert table.text.startswith("stream_id,")
    lines = await full.get("/api/v1/streams/quiet/moments?format=ndjson")
    assert (lines.status_code, lines.content) == (200, b"")


async def test_texts_are_exported_as_they_were_written(full: Service) -> None:
    texts = ['"', "a,b\r\nc", "=cmd|' /C calc'!A0", "+1", "-1", "@x", "ü🎉\u202e", " ", "a\tb", "\\"]
    with full.database.begin() as transaction:
        for number, text in enumerate(texts):
            transaction.put_moment(
                Moment(
                    moment_id=text,
                    stream_id='=odd, "one"\n',
                    timestamp=START.replace(minute=number),
                    moment_type=MomentType.CHAT_SPIKE,
                    description=text,
                    metric_name=None,
                    metric_value=-1.5,
                    threshold=None,
                    z_score=None,
                    metadata={text: [text]},
                )
            )
    url = "/api/v1/streams/%3Dodd%2C%20%22one%22%0A/moments"
    rows = (await full.get(url)).json()
    table = await full.get(f"{url}?format=csv")
    assert [as_json(row) for row in rows_of_csv(table.text)] == rows
    assert [row["description"] for row in rows] == texts[::-1]
    assert rows_of_lines((await full.get(f"{url}?format=ndjson")).text) == rows
    assert table.headers["content-disposition"].startswith('attachment; filename="_odd__')


# --- What is asked for, and how it is told ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv; charset=utf-8; header=present"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/ndjson", "application/ndjson"),
        ("application/jsonl", "application/jsonl"),
        ("application/json;q=0.5, text/csv", "text/csv; charset=utf-8; header=present"),
        ("text/csv;q=0.5, */*", "application/json"),
        ("*/*", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
    ],
)
async def test_accept_chooses(full: Service, accept: str, media_type: str) -> None:
    answer = await full.get(METRICS, Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type


@pytest.mark.parametrize("url", [METRICS, MOMENTS])
async def test_what_can_not_be_had_is_406_and_says_what_can(full: Service, url: str) -> None:
    for _ in range(2):
        answer = await full.get(url, Accept="image/png, text/csv;header=absent")
        assert answer.status_code == 406
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_acceptable"
        assert "text/csv" in answer.json()["detail"]
        await full.get(url)


async def test_what_there_is_no_choice_of_is_json(full: Service) -> None:
    for _ in range(2):
        answer = await full.get("/api/v1/streams", Accept="text/csv")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


async def test_a_named_format_goes_before_what_is_accepted(full: Service) -> None:
    assert (await full.get(f"{METRICS}?format=json", Accept="text/csv")).headers[
        "content-type"
    ] == "application/json"
    assert (await full.get(f"{METRICS}?format=json", Accept="image/png")).status_code == 200
    assert (await full.get(f"{METRICS}?format=ndjson", Accept="text/csv")).headers[
        "content-type"
    ] == "application/x-ndjson"
    assert (await full.get(f"{METRICS}?f%6Frmat=c%73v")).headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"{METRICS}?format=xml", "format"),
        (f"{METRICS}?format=CSV", "format"),
        (f"{METRICS}?format=", "format"),
        (f"{METRICS}?format=csv&format=csv", "format"),
        (f"{METRICS}?format=edl", "format"),
        (f"{METRICS}?format=csv&limit=0", "limit"),
        (f"{METRICS}?format=csv&limit=2147483648", "limit"),
        (f"{METRICS}?format=csv&limit=all", "limit"),
        (f"{METRICS}?format=csv&cursor=x", "cursor"),
        (f"{METRICS}?format=csv&zero=2026-01-01", "zero"),
        (f"{METRICS}?format=json&limit=1001", "limit"),
        (f"{MOMENTS}?format=csv&zero=2026-01-01", "zero"),
        (f"{MOMENTS}?fps=30", "fps"),
    ],
)
async def test_what_can_not_be_meant_is_refused_before_the_first_byte(
    full: Service, url: str, name: str
) -> None:
    answer = await full.get(url, Accept="text/csv, */*;q=0.1")
    assert answer.status_code == 422, answer.text
    assert {error["name"] for error in answer.json()["errors"]} == {name}


async def test_a_page_of_json_stays_as_small_as_it_was(full: Service) -> None:
    for query in ("limit=1001", "format=json&limit=1001"):
        assert (await full.get(f"{METRICS}?{query}")).status_code == 422
    assert (await full.get(f"{METRICS}?limit=1001", Accept="text/csv")).status_code == 200


async def test_a_range_that_is_none_is_refused_in_any_form(full: Service) -> None:
    for form in ("json", "csv", "chapters"):
        answer = await full.get(f"{MOMENTS}?format={form}&start_time=2026-05-02&end_time=2026-05-01")
        assert answer.status_code == 422


async def test_an_export_is_a_file_that_no_cache_keeps(full: Service) -> None:
    answer = await full.get(f"{METRICS}?format=csv", Origin="https://ok.example")
    assert answer.headers["content-disposition"] == 'attachment; filename="lofi-metrics.csv"'
    assert answer.headers["cache-control"] == "no-cache"
    vary = {part.strip() for part in answer.headers["vary"].split(",")}
    assert {"Accept", "Accept-Encoding", "Origin"} <= vary
    assert "etag" not in answer.headers
    assert "link" not in answer.headers
    assert "content-length" not in answer.headers
    assert "Content-Disposition" in answer.headers["access-control-expose-headers"]
    assert (await full.get(MOMENTS, Accept="application/jsonl")).headers[
        "content-disposition"
    ] == 'attachment; filename="lofi-moments.ndjson"'


async def test_head_has_the_headers_and_reads_one_page() -> None:
    async with watched() as (service, metrics):
        get = await service.get(f"{METRICS}?format=csv")
        assert len(metrics.asked) == PAGES
        head = await service.client.head(f"{METRICS}?format=csv")
        assert head.content == b""
        assert len(metrics.asked) == PAGES + 1
        told = {name for name in get.headers if name != "x-request-id"}
        assert {name: head.headers[name] for name in told} == {name: get.headers[name] for name in told}
        assert (
            (await service.client.head(METRICS, headers={"Accept": "text/csv"}))
            .headers["content-type"]
            .startswith("text/csv")
        )


DECODERS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "identity": lambda: lambda data: data,
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstd.ZstdDecompressor().decompress,
}


@pytest.mark.parametrize("coding", DECODERS)
async def test_what_was_sent_can_be_read_before_the_rest_comes(full: Service, coding: str) -> None:
    plain = (await full.get(f"{METRICS}?format=csv", Accept_Encoding="identity")).content
    messages: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": METRICS,
        "query_string": b"format=csv",
        "headers": [(b"accept-encoding", coding.encode())],
    }
    await full.app(scope, receive, send)
    start, *bodies = messages
    headers = httpx.Headers(start["headers"])
    assert headers.get("content-encoding", "identity") == coding
    decode, read = DECODERS[coding](), b""
    lines = []
    for message in bodies:
        read += decode(message["body"])
        lines.append(read.count(b"\n"))
    assert read == plain
    # Each piece shows two hundred rows more, and the last none.
    assert lines[:2] == [201, 401]
    assert [message["more_body"] for message in bodies] == [True] * (len(bodies) - 1) + [False]
    assert len(plain) < 100 * 1024 or sum(len(message["body"]) for message in bodies) <= len(plain)


# --- The cache --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{}, {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}],
    ids=["by the fast path", "by the layers"],
)
async def test_a_kept_answer_is_not_for_who_asks_for_another_form(headers: dict[str, str]) -> None:
    async with watched() as (service, metrics):
        url = f"{METRICS}?limit=10"
        first = await service.get(url, **headers)
        assert (await service.get(url, **headers)).content == first.content
        assert len(metrics.asked) == 1
        table = await service.get(url, Accept="text/csv", **headers)
        assert table.headers["content-type"].startswith("text/csv")
        assert [as_json(row) for row in rows_of_csv(table.text)] == first.json()
        assert (
            (await service.client.head(url, headers={"Accept": "text/csv", **headers}))
            .headers["content-type"]
            .startswith("text/csv")
        )
        asked = len(metrics.asked)
        for accept in ("application/json", "*/*", "text/html, */*;q=0.1", ""):
            again = await service.get(url, Accept=accept, **headers)
            assert again.content == first.content
            assert again.headers["etag"] == first.headers["etag"]
        assert len(metrics.asked) == asked


async def test_an_export_is_never_kept_and_json_by_name_is() -> None:
    async with watched() as (service, metrics):
        for number in (1, 2, 3):
            await service.get(f"{METRICS}?format=csv&limit=5")
            assert len(metrics.asked) == number
        for _ in range(3):
            await service.get(f"{METRICS}?format=json")
            await service.get(METRICS)
        assert len(metrics.asked) == 4


async def test_two_lines_of_accept_are_one_list(full: Service) -> None:
    await full.get(METRICS)
    answer = await full.raw(METRICS.encode(), headers=[(b"accept", b"*/*;q=0.5"), (b"accept", b"text/csv")])
    assert answer.headers["content-type"].startswith("text/csv")


# --- Positions, and what happens meanwhile ----------------------------------------------------------------------------


async def test_going_on_live_from_an_export_loses_nothing_that_was_written_meanwhile() -> None:
    written: list[int] = []

    def write_one(page: int) -> None:
        if page > 1:
            with database.begin() as transaction:
                # One newer than all, which no page will have, and one older than what was read.
                transaction.put_window(window("lofi", WINDOWS + page))
                transaction.put_window(window("lofi", -page))
            written.extend((WINDOWS + page, -page))

    database = MemoryDatabase()
    metrics = ReadMetricsThrough(memory_ports(database).metrics, write_one)
    async with running(database=database, replaced={"metrics": metrics}) as service:
        await service.write("lofi", windows=WINDOWS)
        answer = await service.get(f"{METRICS}?format=ndjson")
        exported = {row["window_start"] for row in rows_of_lines(answer.text)}
        position = Position.parse(answer.headers["telemetra-position"])
        page = await memory_ports(database).feed.since("lofi", position, limit=100)
        told = {change.data.chat_count for change in page.changes}  # type: ignore[union-attr]
        assert told == set(written)
        assert len(exported) == WINDOWS + PAGES - 1


async def test_an_export_includes_the_position_that_its_client_has(full: Service) -> None:
    position = (await full.get(METRICS)).headers["telemetra-position"]
    answer = await full.get(f"{METRICS}?format=csv", Telemetra_Position=position)
    assert answer.status_code == 200
    foreign = (await full.get(METRICS)).headers["telemetra-position"]
    async with running() as other:
        await other.write("lofi", windows=1)
        refused = await other.get(f"{METRICS}?format=csv", Telemetra_Position=foreign)
        assert (refused.status_code, refused.json()["code"]) == (422, "position_invalid")
    unreadable = await full.get(f"{METRICS}?format=csv", Telemetra_Position="%")
    assert unreadable.status_code == 422


async def test_what_refuses_refuses_before_the_first_byte(full: Service) -> None:
    unknown = await full.get("/api/v1/streams/nobody/metrics?format=csv")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "stream_not_found")
    with full.database.unavailable():
        away = await full.get(f"{METRICS}?format=csv")
    assert (away.status_code, away.headers["retry-after"]) == (503, "1")
    assert away.headers["content-type"] == "application/problem+json"


async def test_a_database_that_is_away_for_a_moment_breaks_nothing_off() -> None:
    failures = iter([DatabaseUnavailable(), DatabaseUnavailable()])

    def fail_twice(page: int) -> None:
        if page > 1 and (failure := next(failures, None)):
            raise failure

    async with watched(fail_twice) as (service, metrics):
        answer = await service.get(f"{METRICS}?format=ndjson")
        assert [row["chat_count"] for row in rows_of_lines(answer.text)] == list(range(WINDOWS - 1, -1, -1))
        assert len(metrics.asked) == PAGES + 2


@pytest.mark.parametrize("fault", ["away", "ours", "another history", "stream gone"])
async def test_an_export_that_can_not_go_on_ends_its_connection_and_says_so_once(fault: str) -> None:
    now = [0.0]
    other = MemoryDatabase()

    def fail(page: int) -> None:
        if page == 1:
            return
        now[0] += 3.0
        if fault == "away":
            raise DatabaseUnavailable
        if fault == "ours":
            raise ZeroDivisionError
        if fault == "stream gone":
            raise StreamNotFound("lofi")
        database.epoch = other.epoch

    database = MemoryDatabase()
    metrics = ReadMetricsThrough(memory_ports(database).metrics, fail)
    async with running(database=database, replaced={"metrics": metrics}, clock=lambda: now[0]) as service:
        await service.write("lofi", windows=WINDOWS)
        client, ended = SlowClient(), asyncio.Event()

        def break_off() -> None:
            ended.set()
            client.leave()

        with capture_logs() as logs:
            async with asking(
                service.app, f"{METRICS}?format=csv", client, **{BREAK_OFF: break_off}
            ) as answering:
                messages = []
                while not ended.is_set():
                    taking = asyncio.ensure_future(client.take())
                    breaking = asyncio.ensure_future(ended.wait())
                    await asyncio.wait({taking, breaking}, return_when=asyncio.FIRST_COMPLETED)
                    breaking.cancel()
                    if taking.done():
                        messages.append(taking.result())
                    else:
                        taking.cancel()
                await asyncio.wait_for(answering, 10)
    assert all(message["more_body"] for message in messages[1:])
    assert sum(message["body"].count(b"\n") for message in messages[1:]) == 1_001
    events = [(line["event"], line.get("code")) for line in logs]
    assert (
        events
        == {
            "away": [("export_broken_off", "database_unavailable"), ("http_request", None)],
            "another history": [("export_broken_off", "position_invalid"), ("http_request", None)],
            "stream gone": [("export_broken_off", "stream_not_found"), ("http_request", None)],
            "ours": [("http_request_failed", None), ("http_request", None)],
        }[fault]
    )


async def test_under_a_server_without_such_a_door_the_application_fails() -> None:
    def fail(page: int) -> None:
        if page > 1:
            raise ZeroDivisionError

    async with watched(fail) as (service, _):
        with pytest.raises(Exception, match="after response started"):
            await service.get(f"{METRICS}?format=csv")


async def test_an_export_whose_last_rows_are_removed_meanwhile_is_whole() -> None:
    def remove_all(page: int) -> None:
        if page == 2:
            with database.begin() as transaction:
                transaction.truncate(ChangeKind.WINDOW)

    database = MemoryDatabase()
    metrics = ReadMetricsThrough(memory_ports(database).metrics, remove_all)
    async with running(database=database, replaced={"metrics": metrics}) as service:
        await service.write("lofi", windows=WINDOWS)
        answer = await service.get(f"{METRICS}?format=csv")
        assert len(rows_of_csv(answer.text)) == 1_000


async def test_pages_are_read_as_the_client_takes_them_and_no_more_when_it_is_gone() -> None:
    async with watched() as (service, metrics):
        client = SlowClient()
        async with asking(service.app, f"{METRICS}?format=csv", client) as answering:
            assert (await client.take())["status"] == 200
            for _ in range(4):
                await client.take()
                assert len(metrics.asked) == 1
            client.leave()
            await asyncio.wait_for(answering, 10)
        assert len(metrics.asked) == 1


async def test_the_line_in_the_log_comes_after_the_last_byte() -> None:
    async with watched() as (service, _):
        client = SlowClient()
        with capture_logs() as logs:
            async with asking(service.app, f"{METRICS}?format=csv", client) as answering:
                more = True
                while more:
                    assert logs == []
                    more = (await client.take()).get("more_body", True)
                await asyncio.wait_for(answering, 10)
        (line,) = logs
        assert (line["event"], line["status"], line["path"]) == ("http_request", 200, METRICS)
        told = (await service.get("/metrics")).text
        assert (
            'telemetra_http_request_duration_seconds_count{method="GET",'
            'route="/api/v1/streams/{stream_id}/metrics",status="200"} 1.0' in told
        )


# --- Access -----------------------------------------------------------------------------------------------------------


async def test_a_token_exports_what_it_reads() -> None:
    async with guarded() as (service, _):
        own = await service.get(f"{METRICS}?format=csv", **bearer("narrow"))
        assert own.status_code == 200
        assert own.headers["cache-control"] == "private, no-cache"
        other = "/api/v1/streams/other/metrics"
        assert (await service.get(f"{other}?format=csv", **bearer("narrow"))).status_code == 403
        assert (await service.get(other, Accept="text/csv", **bearer("narrow"))).status_code == 403
        assert (await service.get(f"{METRICS}?format=csv")).status_code == 401


async def test_an_export_is_one_request_of_a_client_s_rate() -> None:
    async with guarded(rate_limit_per_minute=2) as (service, _):
        statuses = [
            (await service.get(f"{METRICS}?format=csv", **bearer("reader"))).status_code for _ in range(3)
        ]
        assert statuses == [200, 200, 429]
