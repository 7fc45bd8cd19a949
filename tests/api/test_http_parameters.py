"""What is refused, by which name, and why; and that nothing hostile gets further than that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from telemetra.domain.queries import MomentCursor, WindowCursor
from telemetra.entrypoints.http.cursors import encode_moment_cursor, encode_window_cursor
from tests.api.http_service import START, Service, running


@pytest.fixture(scope="module")
async def service() -> AsyncIterator[Service]:
    """One for all: nothing here writes."""
    async with running() as started:
        await started.write("lofi", windows=2, moments=2)
        yield started


_RESOURCES = {
    "/api/v1/streams": 500,
    "/api/v1/streams/lofi/metrics": 1000,
    "/api/v1/streams/lofi/moments": 200,
}
_NOT_NUMBERS = [
    "",
    "abc",
    "1e3",
    "+5",
    "%2B5",
    " 5",
    "5%20",
    "0x10",
    "1.0",
    "1_000",
    "٣",
    "NaN",
    "--1",
    "9" * 5000,
]


async def _refused(service: Service, url: str) -> dict[str, str]:
    """Ask for what can't be had, and return the reasons by parameter."""
    answer = await service.raw(url.partition("?")[0].encode(), query=url.partition("?")[2].encode())
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["code"] == "parameter_invalid"
    return {error["name"]: error["reason"] for error in problem["errors"]}


@pytest.mark.parametrize("path", _RESOURCES)
@pytest.mark.parametrize("text", [*_NOT_NUMBERS, "0", "-1"])
async def test_a_limit_that_is_none_is_refused(service: Service, path: str, text: str) -> None:
    reasons = await _refused(service, f"{path}?limit={text}")
    assert reasons == {"limit": f"Expected a whole number from 1 to {_RESOURCES[path]}."}


@pytest.mark.parametrize(("path", "most"), _RESOURCES.items())
async def test_limits_are_taken_up_to_the_bound_and_not_beyond(
    service: Service, path: str, most: int
) -> None:
    for taken in (1, most):
        assert (await service.get(f"{path}?limit={taken}")).status_code == 200
    for refused in (most + 1, 10**23):
        assert "limit" in await _refused(service, f"{path}?limit={refused}")


@pytest.mark.parametrize("text", [*_NOT_NUMBERS, "-1", str(2**31), str(2**63), str(10**23)])
async def test_an_offset_that_is_none_is_refused(service: Service, text: str) -> None:
    assert set(await _refused(service, f"/api/v1/streams?offset={text}")) == {"offset"}


async def test_the_greatest_offset_is_taken(service: Service) -> None:
    assert (await service.get(f"/api/v1/streams?offset={2**31 - 1}")).json() == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("2026-05-01T18:00:00+05:00", "%2B"),
        ("2026-05-01T18:00+0500", "%2B"),
        ("1714586400", "seconds since 1970"),
        ("1714586400.5", "seconds since 1970"),
        ("1.7e9", "seconds since 1970"),
        ("20260501", "seconds since 1970"),
        ("-1", "seconds since 1970"),
        ("0000-01-01T00:00:00Z", "years 1 to 9999"),
        ("99999-01-01T00:00:00Z", "years 1 to 9999"),
        ("%2B012026-01-01T00:00:00Z", "years 1 to 9999"),
        ("0001-01-01T00:00:00%2B05:00", "years 1 to 9999"),
        ("9999-12-31T23:59:59-05:00", "years 1 to 9999"),
        ("2026-02-30", "no such date"),
        ("2026-05-01T24:00:00Z", "no such date"),
        ("2026-05-01T18:60:00Z", "no such date"),
        ("2026-05-01T18:00:00%2B24:00", "no such date"),
        ("", "Expected a time"),
        ("yesterday", "Expected a time"),
        ("2026-5-1", "Expected a time"),
        ("2026-W01-1", "Expected a time"),
        ("2026-05-01T", "Expected a time"),
        ("2026-05-01Z", "Expected a time"),
        ("infinity", "Expected a time"),
        ("2026-05-01T18:00:00Z%00", "NUL"),
        ("%ff", "UTF-8"),
        ("%ED%A0%80", "UTF-8"),
        ("2026%2", "%25"),
        ("٢٠٢٦-05-01", "Expected a time"),
    ],
)
@pytest.mark.parametrize("name", ["start_time", "end_time"])
async def test_an_instant_that_is_none_is_refused_with_a_hint(
    service: Service, name: str, text: str, hint: str
) -> None:
    reasons = await _refused(service, f"/api/v1/streams/lofi/metrics?{name}={text}")
    assert set(reasons) == {name}
    assert hint in reasons[name]


@pytest.mark.parametrize(("start", "end"), [("2026-05-02", "2026-05-01"), ("2026-05-01", "2026-05-01")])
async def test_a_range_that_ends_before_it_begins_names_both(service: Service, start: str, end: str) -> None:
    reasons = await _refused(service, f"/api/v1/streams/lofi/metrics?start_time={start}&end_time={end}")
    assert set(reasons) == {"start_time", "end_time"}


@pytest.mark.parametrize("text", ["", "CHAT_SPIKE", "chat_spike ", "chat_spike%00", "nothing"])
async def test_a_moment_type_that_is_none_is_refused(service: Service, text: str) -> None:
    assert set(await _refused(service, f"/api/v1/streams/lofi/moments?moment_type={text}")) == {"moment_type"}


_A_WINDOW = encode_window_cursor(WindowCursor(START, START))
_A_MOMENT = encode_moment_cursor(MomentCursor(START, "m1"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "%00",
        "AAAA",
        "é",
        f"{_A_WINDOW}=",
        f"{_A_WINDOW}A",
        _A_WINDOW[:-2],
        "d" + "_" * 21,
        "w" * 10_000,
    ],
)
@pytest.mark.parametrize("resource", ["metrics", "moments"])
async def test_a_cursor_that_nobody_made_is_refused(service: Service, resource: str, text: str) -> None:
    assert set(await _refused(service, f"/api/v1/streams/lofi/{resource}?cursor={text}")) == {"cursor"}


async def test_a_cursor_of_another_resource_is_refused(service: Service) -> None:
    assert await _refused(service, f"/api/v1/streams/lofi/metrics?cursor={_A_MOMENT}")
    assert await _refused(service, f"/api/v1/streams/lofi/moments?cursor={_A_WINDOW}")
    nul = encode_moment_cursor(MomentCursor(START, "a\0b"))
    assert await _refused(service, f"/api/v1/streams/lofi/moments?cursor={nul}")


@pytest.mark.parametrize("query", ["limit=5&limit=5", "limit=5&limit=6", "limit=5&LIMIT=x&li%6Dit=5"])
async def test_a_parameter_that_is_given_twice_is_refused(service: Service, query: str) -> None:
    reasons = await _refused(service, f"/api/v1/streams?{query}")
    assert "more than once" in reasons["limit"]


async def test_a_parameter_that_nobody_knows_is_refused_with_those_that_are_known(service: Service) -> None:
    reasons = await _refused(service, "/api/v1/streams/lofi/metrics?star_time=2026-05-01")
    assert reasons == {
        "star_time": "There is no such parameter here. Known are limit, start_time, end_time, format, cursor."
    }
    assert "No query parameters" in (await _refused(service, "/api/v1/streams/lofi?x=1"))["x"]


async def test_everything_that_is_wrong_is_told_at_once(service: Service) -> None:
    reasons = await _refused(service, "/api/v1/streams/lofi/metrics?limit=0&end_time=x&%00%ff=1")
    assert set(reasons) == {"limit", "end_time", r"\x00\\xff"}


@pytest.mark.parametrize("query", ["", "&", "&&limit=5&"])
async def test_empty_parts_of_a_query_are_nothing(service: Service, query: str) -> None:
    assert (await service.raw(b"/api/v1/streams", query=query.encode())).status == 200


@pytest.mark.parametrize(
    "segment",
    [
        b"%00", b"a%00b", b"%ff", b"%c3%28", b"%ED%A0%80", b"%zz", b"%", b"a%2", b"x" * 513, b"x" * 10_240,
        b"%C3%A9" * 257, b"\xff\xfe", b"%2%35", b"%%34%31", b"%6%63ofi",
    ],
)  # fmt: skip
@pytest.mark.parametrize("resource", [b"", b"/metrics", b"/moments"])
async def test_an_id_that_no_stream_can_have_is_refused(
    service: Service, segment: bytes, resource: bytes
) -> None:
    answer = await service.raw(b"/api/v1/streams/" + segment + resource)
    assert answer.status == 422
    assert b'"name":"stream_id"' in answer.body


@pytest.mark.parametrize(
    "path", [b"/api/v1/streams//metrics", b"/api/v1/streams//", b"//api/v1/streams//moments"]
)
async def test_nothing_between_two_slashes_is_no_other_path(service: Service, path: bytes) -> None:
    assert (await service.raw(path)).status == (404 if path.startswith(b"//") else 422)


@pytest.mark.parametrize("text", ["", "x", "not base64!", "AAAA", "A" * 3000, "é", "AWhmGqDEbrXNjAgA=="])
@pytest.mark.parametrize("path", ["", "/lofi", "/lofi/metrics", "/lofi/moments"])
async def test_a_position_that_can_t_be_read_is_refused(service: Service, path: str, text: str) -> None:
    header = (b"telemetra-position", text.encode("latin-1"))
    answer = await service.raw(f"/api/v1/streams{path}".encode(), headers=[header])
    assert answer.status == 422
    assert b'"name":"Telemetra-Position"' in answer.body


async def test_two_positions_are_none(service: Service) -> None:
    position = (await service.get("/api/v1/streams")).headers["telemetra-position"].encode()
    answer = await service.raw(b"/api/v1/streams", headers=[(b"telemetra-position", position)] * 2)
    assert answer.status == 422
