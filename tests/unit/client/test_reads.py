"""Reading over HTTP, against servers that do what a server, or something before it, may do."""

from __future__ import annotations

import asyncio
import pickle
import socket
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from telemetra.client import (
    AccessDenied,
    AnswerUnreadable,
    AsyncTelemetra,
    InvalidParameter,
    MetricWindow,
    Moment,
    ParameterInvalid,
    PositionInvalid,
    RequestRefused,
    ServiceUnavailable,
    ServiceUnreachable,
    Stream,
    StreamNotFound,
    Telemetra,
    TelemetraError,
    TokenInvalid,
    TokenRefused,
    TooManyRequests,
    UrlInvalid,
)
from tests.python_clients import Connect
from tests.unit.client.scripted_http import PROBLEM, Asked, answer, answering, page, problem
from tests.unit.scripted_server import PATIENCE_SECONDS, moment, stream, window

HTML = b"<html><body><h1>It works!</h1></body></html>"


def times_of(asked: list[Asked]) -> list[dict[str, str]]:
    return [each.query for each in asked]


async def unreadable(connect: Connect, given: bytes, *, retries: int = 0) -> str:
    """Return what is said of an answer that is none."""
    async with answering(*[given] * (retries + 1)) as server, connect(server.url, retries=retries) as reader:
        with pytest.raises(AnswerUnreadable) as raised:
            await reader.stream("s")
    assert len(server.asked) == 1
    return str(raised.value)


async def refused(connect: Connect, given: bytes) -> RequestRefused:
    """Return what a refusal raises."""
    async with answering(given) as server, connect(server.url, retries=0) as reader:
        with pytest.raises(RequestRefused) as raised:
            await reader.stream("s")
    return raised.value


# What comes back


async def test_a_stream_is_the_domain_s_own(connect: Connect) -> None:
    newer = answer(stream("A title") | {"added": "by a newer server"})
    async with answering(newer) as server, connect(f"{server.url}/a/prefix") as reader:
        read = await reader.stream("a/b ü")
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert read == Stream(stream_id="s", title="A title", created_at=at, updated_at=at)
    assert server.asked[0].target == "/a/prefix/api/v1/streams/a%2Fb%20%C3%BC"
    assert server.asked[0].headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("what", "arguments", "row", "kind", "most"),
    [
        ("streams", (), stream("t"), Stream, "500"),
        ("metrics", ("s",), window(1), MetricWindow, "1000"),
        ("moments", ("s",), moment(1), Moment, "200"),
    ],
)
async def test_a_listing_is_read_to_its_end_in_the_largest_pages(
    connect: Connect, what: str, arguments: tuple[str, ...], row: dict[str, Any], kind: type, most: str
) -> None:
    answers = page([row], then="?cursor=a&limit=7"), page([row, row], then="?cursor=b"), page([row])
    async with answering(*answers) as server, connect(server.url) as reader:
        rows = await reader.rows(what, *arguments).rest()
    assert [type(each) for each in rows] == [kind] * 4
    assert times_of(server.asked) == [{"limit": most}, {"cursor": "a", "limit": "7"}, {"cursor": "b"}]
    assert len({each.path for each in server.asked}) == 1


async def test_nothing_is_asked_before_it_is_needed(connect: Connect) -> None:
    answers = page([window(1), window(2)], then="?cursor=a"), page([window(3)], then="?cursor=b")
    async with answering(*answers) as server, connect(server.url) as reader:
        rows = reader.rows("metrics", "s")
        assert server.asked == []
        await rows.some(2)
        assert (len(server.asked), rows.position) == (1, "p1")
        await rows.some(1)
        assert len(server.asked) == 2


async def test_the_position_can_be_had_before_the_rows_and_no_row_is_lost_or_asked_for_twice(
    connect: Connect,
) -> None:
    answers = page([window(1), window(2)], then="?cursor=a"), page([window(3)], position="p2")
    async with answering(*answers) as server, connect(server.url) as reader:
        rows = reader.rows("metrics", "s")
        assert [await rows.read_position(), await rows.read_position()] == ["p1", "p1"]
        assert len(server.asked) == 1
        assert [row.id for row in await rows.rest()] == [1, 2, 3]
        assert (len(server.asked), rows.position) == (2, "p1")


async def test_the_page_that_the_position_was_read_from_is_the_next_one(connect: Connect) -> None:
    async with answering(page([window(1), window(2)])) as server, connect(server.url) as reader:
        pages = reader.rows("metrics", "s", limit=1)
        await pages.read_position()
        first = await pages.next_page()
        assert first
        assert ([row.id for row in first.rows], await pages.next_page()) == ([1], None)
        assert await pages.read_position() == "p1"


async def test_a_position_that_can_t_be_read_is_told_and_asked_for_again(connect: Connect) -> None:
    answers = problem(503, "database_unavailable"), page([], position="p1")
    async with answering(*answers) as server, connect(server.url, retries=0) as reader:
        rows = reader.rows("metrics", "s")
        with pytest.raises(ServiceUnavailable):
            await rows.read_position()
        assert await rows.read_position() == "p1"


async def test_an_answer_without_a_position_gives_no_place_to_go_on_from(connect: Connect) -> None:
    async with answering(answer([window(1)])) as server, connect(server.url) as reader:
        rows = reader.rows("metrics", "s")
        assert len(await rows.rest()) == 1
        with pytest.raises(AnswerUnreadable, match="has no Telemetra-Position"):
            await rows.read_position()


async def test_a_position_that_nobody_waited_for_is_told_instead_of_none() -> None:
    async with answering(page([window(1)])) as server, AsyncTelemetra(server.url) as client:
        rows = client.metrics("s")
        with pytest.raises(RuntimeError, match=r"await rows\.read_position\(\)"):
            _ = rows.position
        assert [row.id async for row in rows] == [1]
        assert rows.position == "p1"


async def test_each_page_must_include_what_the_first_one_did(connect: Connect) -> None:
    row = window(1)
    answers = (
        page([row], then="?cursor=a", position="p1"),
        page([row], then="?cursor=b", position="p2"),
        page([row], position="p3"),
    )
    async with answering(*answers) as server, connect(server.url) as reader:
        rows = reader.rows("metrics", "s", position="p0", no_cache=True)
        await rows.rest()
    assert [each.headers["telemetra-position"] for each in server.asked] == ["p0", "p1", "p1"]
    assert {each.headers["cache-control"] for each in server.asked} == {"no-cache"}
    assert rows.position == "p1"


@pytest.mark.parametrize(
    ("limit", "sizes"), [(1, ["1"]), (1000, ["1000"]), (1001, ["501", "501"]), (2500, ["834"] * 3)]
)
async def test_a_limit_bounds_the_rows_in_all(connect: Connect, limit: int, sizes: list[str]) -> None:
    size = int(sizes[0])
    answers = [
        page([window(1)] * size, then=f"?limit={size}&cursor={number}") for number in range(len(sizes))
    ]
    async with answering(*answers) as server, connect(server.url) as reader:
        assert len(await reader.rows("metrics", "s", limit=limit).rest()) == limit
    assert [query["limit"] for query in times_of(server.asked)] == sizes


async def test_pages_can_be_taken_whole(connect: Connect) -> None:
    answers = page([window(1), window(2)], then="?cursor=a"), page([window(3)], position="p2")
    async with answering(*answers) as server, connect(server.url) as reader:
        pages = reader.rows("metrics", "s")
        first, second = await pages.next_page(), await pages.next_page()
        assert await pages.next_page() is None
    assert first
    assert second
    assert ([row.id for row in first.rows], first.position) == ([1, 2], "p1")
    assert first.next == f"{server.url}/api/v1/streams/s/metrics?cursor=a"
    assert ([row.id for row in second.rows], second.position, second.next) == ([3], "p2", None)


async def test_a_listing_goes_on_after_an_error_where_it_was(connect: Connect) -> None:
    answers = (
        page([window(1)], then="?cursor=a"),
        problem(503, "database_unavailable"),
        page([window(2)]),
    )
    async with answering(*answers) as server, connect(server.url, retries=0) as reader:
        rows = reader.rows("metrics", "s")
        assert [row.id for row in await rows.some(1)] == [1]
        with pytest.raises(ServiceUnavailable):
            await rows.some(1)
        assert [row.id for row in await rows.rest()] == [2]
    assert times_of(server.asked)[1:] == [{"cursor": "a"}] * 2


async def test_what_is_asked_is_told_as_the_service_wants_it(connect: Connect) -> None:
    async with answering(page([]), page([]), page([])) as server, connect(server.url) as reader:
        start = datetime(2026, 5, 1, 20, 30, tzinfo=timezone(timedelta(hours=2)))
        end = datetime(2026, 5, 2, 0, 0, 0, 250_000, tzinfo=UTC)
        await reader.rows("metrics", "s", start_time=start, end_time=end, limit=5).rest()
        await reader.rows("moments", "s", moment_type="chat_spike").rest()
        await reader.rows("streams", limit=3).rest()
    assert times_of(server.asked) == [
        {"limit": "5", "start_time": "2026-05-01T18:30:00Z", "end_time": "2026-05-02T00:00:00.250000Z"},
        {"limit": "200", "moment_type": "chat_spike"},
        {"limit": "3"},
    ]


@pytest.mark.parametrize(
    ("what", "options", "told"),
    [
        ("metrics", {"start_time": datetime(2026, 1, 1)}, "start_time: it names no time zone"),  # noqa: DTZ001
        ("metrics", {"end_time": datetime(2026, 1, 1)}, "end_time: it names no time zone"),  # noqa: DTZ001
        ("moments", {"start_time": datetime(2026, 1, 1)}, "start_time: it names no time zone"),  # noqa: DTZ001
        ("metrics", {"limit": 0}, "limit: expected a whole number from 1"),
        ("moments", {"moment_type": "boredom"}, "moment_type: expected one of chat_spike, viewer_spike"),
    ],
)
async def test_what_makes_no_sense_is_told_before_anything_is_asked(
    connect: Connect, what: str, options: dict[str, Any], told: str
) -> None:
    async with connect("http://h") as reader:
        with pytest.raises(ValueError, match=told):
            reader.rows(what, "s", **options)


@pytest.mark.parametrize("what", ["metrics", "moments"])
@pytest.mark.parametrize("time", ["2026-01-01", date(2026, 1, 1), 1767225600])
async def test_what_is_no_time_is_told_before_anything_is_asked(
    connect: Connect, what: str, time: Any
) -> None:
    async with connect("http://h") as reader:
        with pytest.raises(
            TypeError, match=r"^end_time: expected a datetime with a time zone, such as .*not "
        ):
            reader.rows(what, "s", end_time=time)


@pytest.mark.parametrize("limit", ["5", 2.5])
async def test_a_limit_that_is_no_whole_number_is_told_before_anything_is_asked(
    connect: Connect, limit: Any
) -> None:
    async with connect("http://h") as reader:
        with pytest.raises(TypeError, match=r"^limit: expected a whole number from 1, .*not "):
            reader.rows("streams", limit=limit)


# Refusals


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "stream_not_found", StreamNotFound),
        (422, "parameter_invalid", ParameterInvalid),
        (422, "position_invalid", PositionInvalid),
        (401, "credential_missing", TokenRefused),
        (401, "credential_invalid", TokenRefused),
        (403, "access_denied", AccessDenied),
        (429, "too_many_requests", TooManyRequests),
        (503, "database_unavailable", ServiceUnavailable),
        (503, "schema_outdated", ServiceUnavailable),
        (500, "internal_error", ServiceUnavailable),
        (404, "not_found", RequestRefused),
        (421, "host_not_allowed", RequestRefused),
        (418, "what_a_newer_server_says", RequestRefused),
    ],
)
async def test_a_refusal_is_of_the_kind_that_its_code_names(
    connect: Connect, status: int, code: str, kind: type[RequestRefused]
) -> None:
    error = await refused(connect, problem(status, code, "Why it is so."))
    assert type(error) is kind
    assert (error.status, error.code, error.detail) == (status, code, "Why it is so.")
    assert (error.title, error.request_id, error.close_code) == ("A kind", "r1", None)
    assert str(error) == f"The server answers HTTP {status}: Why it is so."


async def test_a_refusal_names_every_parameter_that_is_wrong(connect: Connect) -> None:
    errors = [{"name": "limit", "reason": "Expected less."}, {"name": "cursor", "reason": "What is it?"}]
    error = await refused(connect, problem(422, "parameter_invalid", errors=errors))
    assert error.errors == [
        InvalidParameter(name="limit", reason="Expected less."),
        InvalidParameter(name="cursor", reason="What is it?"),
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (502, ServiceUnavailable),
        (504, ServiceUnavailable),
        (401, TokenRefused),
        (403, RequestRefused),
        (429, TooManyRequests),
        (404, RequestRefused),
    ],
)
@pytest.mark.parametrize("body", [HTML, b"", b"null", b'{"detail": 7}', b"[" * 100_000, b"\xff"])
async def test_who_refuses_without_a_problem_is_understood_by_the_status(
    connect: Connect, status: int, kind: type[RequestRefused], body: bytes
) -> None:
    error = await refused(connect, answer(body, status=status, media_type="text/html"))
    assert type(error) is kind
    assert (error.status, error.code, error.detail, error.errors) == (status, None, "", ())
    assert str(error) == f"The server answers HTTP {status}, and no reason: no Telemetra says that."


async def test_an_error_comes_out_of_a_pool_of_processes_as_it_was(connect: Connect) -> None:
    error = await refused(connect, problem(404, "stream_not_found", "There is none."))
    same = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own)
    assert (type(same), str(same), vars(same)) == (type(error), str(error), vars(error))


# Answers that are none


async def test_a_page_of_a_proxy_is_no_answer(connect: Connect) -> None:
    told = await unreadable(connect, answer(HTML, media_type="text/html; charset=utf-8"), retries=2)
    assert told.startswith("The answer is text/html, and no JSON: no Telemetra is at http://127.0.0.1:")


@pytest.mark.parametrize(
    "body", [b'{"stream_id": "s", "tit', b"", b"[]", b"{}", b"null", b"[" * 100_000, b"\xff\xfe"]
)
async def test_json_that_is_no_stream_is_no_answer(connect: Connect, body: bytes) -> None:
    assert "The answer is not what was asked for" in await unreadable(connect, answer(body), retries=2)


async def test_what_can_t_be_unpacked_is_no_answer(connect: Connect) -> None:
    told = await unreadable(connect, answer(b"not gzip at all", Content_Encoding="gzip"))
    assert "can't be unpacked" in told


async def test_nobody_is_followed_elsewhere(connect: Connect) -> None:
    away = answer(b"", status=301, Location="https://elsewhere.example/x")
    told = await unreadable(connect, away, retries=2)
    assert "HTTP 301" in told
    assert "'https://elsewhere.example/x'" in told


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/api/v1/streams/s/metrics?cursor=a",
        "https://elsewhere.example/",
        "//elsewhere.example/x",
        "?limit=1000",
        "",
    ],
)
async def test_a_next_page_elsewhere_or_the_same_again_is_not_asked_for(
    connect: Connect, target: str
) -> None:
    first = page([window(1)], then=target)
    async with answering(first) as server, connect(server.url, token="tlm_secret") as reader:
        with pytest.raises(AnswerUnreadable, match="as the next one"):
            await reader.rows("metrics", "s").rest()
    assert len(server.asked) == 1


# Connections that fail, and second tries


async def test_an_answer_that_breaks_off_is_asked_for_again(connect: Connect) -> None:
    whole = answer(stream("t"))
    short = answer(stream("t"), length=10_000)
    async with answering(short, b"", whole) as server, connect(server.url) as reader:
        assert (await reader.stream("s")).title == "t"
    assert len(server.asked) == 3


async def test_an_answer_that_breaks_off_each_time_is_told(connect: Connect) -> None:
    short = answer(stream("t"), length=10_000)
    async with answering(short, short) as server, connect(server.url, retries=1) as reader:
        with pytest.raises(ServiceUnreachable, match=r"There is no answer from http://127\.0\.0\.1:"):
            await reader.stream("s")
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_may_pass_is_tried_again_when_the_server_advises_it(connect: Connect, status: int) -> None:
    away = answer(HTML, status=status, media_type="text/html", Retry_After="0")
    async with answering(away, away, answer(stream("t"))) as server, connect(server.url) as reader:
        assert (await reader.stream("s")).title == "t"
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500])
async def test_what_will_not_pass_is_asked_once(connect: Connect, status: int) -> None:
    no = answer({}, status=status, media_type=PROBLEM)
    async with answering(no) as server, connect(server.url) as reader:
        with pytest.raises(RequestRefused):
            await reader.stream("s")
    assert len(server.asked) == 1


async def test_who_is_to_wait_for_long_is_told_so_at_once(connect: Connect) -> None:
    busy = answer({}, status=429, media_type=PROBLEM, Retry_After="3600")
    async with answering(busy) as server, connect(server.url) as reader:
        with pytest.raises(TooManyRequests) as raised:
            await reader.stream("s")
    assert raised.value.retry_after_seconds == 3600


async def test_a_server_that_says_nothing_is_waited_for_once(connect: Connect) -> None:
    async with answering(None) as server, connect(server.url, timeout_seconds=0.05) as reader:
        with pytest.raises(ServiceUnreachable, match=r"did not answer in time \(read, 0.05 s\)") as raised:
            await reader.stream("s")
    assert not raised.value.may_pass
    assert len(server.asked) == 1


async def test_an_address_where_nobody_listens_is_told(connect: Connect) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with connect(url, retries=1) as reader:
            with pytest.raises(ServiceUnreachable, match=f"no answer from {url}: Connection refused"):
                await reader.stream("s")


async def test_a_server_that_speaks_no_http_is_told(connect: Connect) -> None:
    async with (
        answering(b"220 mail.example.org ESMTP\r\n") as server,
        connect(server.url, retries=0) as reader,
    ):
        with pytest.raises(ServiceUnreachable):
            await reader.stream("s")


async def test_cancelling_a_read_ends_it_at_once() -> None:
    async with answering(None) as server, AsyncTelemetra(server.url) as client:
        reading = asyncio.create_task(client.stream("s"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await server.came.wait()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading


# Who asks


async def test_a_token_goes_with_each_request_and_may_change(connect: Connect) -> None:
    tokens = iter(["tlm_one", "tlm_two"])
    async with answering(*[answer(stream("t"))] * 3) as server:
        async with connect(server.url, token=lambda: next(tokens)) as reader:
            await reader.stream("s")
            await reader.stream("s")
        async with connect(server.url) as reader:
            await reader.stream("s")
    sent = [each.headers.get("authorization") for each in server.asked]
    assert sent == ["Bearer tlm_one", "Bearer tlm_two", None]


async def test_the_environment_s_token_is_left_alone(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEMETRA_TOKEN", "tlm_not_for_everybody")
    async with answering(answer(stream("t"))) as server, connect(server.url) as reader:
        await reader.stream("s")
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize("token", ["", "tlm_x\n", "tlm x", "tlm_ü", "a\r\nX-Evil: 1"])
@pytest.mark.parametrize("client", [Telemetra, AsyncTelemetra])
def test_a_token_that_no_header_can_carry_is_not_repeated(
    client: type[Telemetra | AsyncTelemetra], token: str
) -> None:
    with pytest.raises(TokenInvalid) as raised:
        client("http://h", token=token)
    assert not token or token not in str(raised.value)
    assert isinstance(raised.value, (TelemetraError, ValueError))


@pytest.mark.parametrize("client", [Telemetra, AsyncTelemetra])
def test_an_address_and_a_token_don_t_both_say_who_asks(client: type[Telemetra | AsyncTelemetra]) -> None:
    with pytest.raises(UrlInvalid, match="only one of them"):
        client("http://user:secret@h", token="tlm_x")


@pytest.mark.parametrize("client", [Telemetra, AsyncTelemetra])
def test_a_client_is_shown_without_secrets(client: type[Telemetra | AsyncTelemetra]) -> None:
    assert repr(client("http://user:secret@h/p")) == f"{client.__name__}('http://h/p')"
    assert "tlm_secret" not in repr(vars(client("http://h", token="tlm_secret")))


def test_fewer_than_no_second_tries_are_refused() -> None:
    with pytest.raises(ValueError, match="retries: expected 0 or more"):
        Telemetra("http://h", retries=-1)


# A client of one's own


async def test_a_given_http_client_is_used_and_left_open() -> None:
    def transport(request: httpx.Request) -> httpx.Response:
        assert request.headers["X-Proxy-Key"] == "k"
        return httpx.Response(200, json=stream(str(request.url)))

    ours: dict[str, Any] = {"transport": httpx.MockTransport(transport), "headers": {"X-Proxy-Key": "k"}}
    with httpx.Client(**ours) as http:
        with Telemetra("https://h/p", http_client=http) as client:
            assert client.stream("s").title == "https://h/p/api/v1/streams/s"
        assert not http.is_closed
    async with httpx.AsyncClient(**ours) as http_async:
        async with AsyncTelemetra("https://h/p", http_client=http_async) as client_async:
            assert (await client_async.stream("s")).title == "https://h/p/api/v1/streams/s"
        assert not http_async.is_closed


async def test_proxies_of_the_environment_are_not_for_this_machine(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with answering(answer(stream("t"))) as server, connect(server.url, retries=0) as reader:
        assert (await reader.stream("s")).title == "t"
