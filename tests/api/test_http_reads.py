"""What the endpoints return: bodies, order, pages, positions, and the stream that is meant."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urljoin

import httpx
import pytest

from telemetra.domain.positions import Position
from tests.api.http_service import START, Service


async def _follow(service: Service, url: str, relation: str = "next") -> list[httpx.Response]:
    answers = [await service.get(url)]
    while link := answers[-1].links.get(relation):
        assert link["url"].startswith("?")
        answers.append(await service.get(urljoin(str(answers[-1].url), link["url"])))
    return answers


async def test_a_stream_is_its_row(service: Service) -> None:
    answer = await service.get("/api/v1/streams/lofi")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "stream_id": "lofi",
        "title": "A stream",
        "created_at": "2026-05-01T18:00:00Z",
        "updated_at": "2026-05-01T18:00:00Z",
    }


async def test_windows_are_rows_newest_first(service: Service) -> None:
    rows = (await service.get("/api/v1/streams/lofi/metrics")).json()
    assert len(rows) == 100
    assert [row["chat_count"] for row in rows] == list(range(249, 149, -1))
    assert rows[0].keys() == {
        *("id", "stream_id", "window_start", "window_end", "chat_count", "unique_chatters", "top_emotes"),
        *("avg_sentiment", "chat_rate", "avg_viewers", "z_score", "is_anomaly"),
    }
    assert rows[0]["window_start"] == "2026-05-01T22:09:00Z"


async def test_moments_are_rows_newest_first(service: Service) -> None:
    rows = (await service.get("/api/v1/streams/lofi/moments")).json()
    assert [row["moment_id"] for row in rows] == [f"lofi-{n}" for n in range(119, 69, -1)]
    assert rows[0]["metadata"] == {"baseline_windows": 30}


async def test_moments_of_one_type(service: Service) -> None:
    rows = (await service.get("/api/v1/streams/lofi/moments?moment_type=viewer_spike&limit=200")).json()
    assert {row["moment_type"] for row in rows} == {"viewer_spike"}
    assert len(rows) == 40


async def test_a_range_is_half_open(service: Service) -> None:
    answer = await service.get(
        "/api/v1/streams/lofi/metrics?start_time=2026-05-01T18:10:00Z&end_time=2026-05-01T18:12:00Z"
    )
    assert [row["chat_count"] for row in answer.json()] == [11, 10]


@pytest.mark.parametrize(
    "spelling",
    [
        "2026-05-01T18:10:00Z",
        "2026-05-01t18:10:00z",
        "2026-05-01T18:10:00",
        "2026-05-01 18:10",
        "2026-05-01T18:10:00.000000000Z",
        "2026-05-01T20:10:00%2B02:00",
        "2026-05-01T13:10:00-0500",
    ],
)
async def test_an_instant_may_be_spelled_in_several_ways(service: Service, spelling: str) -> None:
    answer = await service.get(f"/api/v1/streams/lofi/metrics?start_time={spelling}&limit=1000")
    assert min(row["chat_count"] for row in answer.json()) == 10


async def test_the_bounds_of_the_calendar_can_be_asked_for(service: Service) -> None:
    answer = await service.get(
        "/api/v1/streams/lofi/metrics?start_time=0001-01-01&end_time=9999-12-31T23:59:59Z&limit=1000"
    )
    assert len(answer.json()) == 250


@pytest.mark.parametrize("resource", ["metrics", "moments"])
async def test_a_known_stream_with_nothing_has_an_empty_list(service: Service, resource: str) -> None:
    await service.write("quiet")
    answer = await service.get(f"/api/v1/streams/quiet/{resource}")
    assert (answer.status_code, answer.json()) == (200, [])
    assert "link" not in answer.headers


@pytest.mark.parametrize("path", ["", "/metrics", "/moments"])
async def test_an_unknown_stream_is_404(service: Service, path: str) -> None:
    answer = await service.get(f"/api/v1/streams/nobody{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "stream_not_found"


@pytest.mark.parametrize(("resource", "total"), [("metrics", 250), ("moments", 120)])
async def test_pages_by_cursor_have_every_row_once(service: Service, resource: str, total: int) -> None:
    url = f"/api/v1/streams/lofi/{resource}?limit=40"
    answers = await _follow(service, url)
    everything = (await service.get(f"/api/v1/streams/lofi/{resource}?limit=200")).json()
    paged = [row for answer in answers for row in answer.json()]
    assert len(paged) == total
    assert paged[:120] == everything[:120]
    back = urljoin(str(answers[1].url), answers[1].links["first"]["url"])
    assert (await service.get(back)).json() == answers[0].json()


async def test_pages_keep_the_other_parameters(service: Service) -> None:
    answers = await _follow(service, "/api/v1/streams/lofi/moments?moment_type=chat_spike&limit=15")
    assert [len(answer.json()) for answer in answers] == [15, 15, 10]
    answers = await _follow(
        service, "/api/v1/streams/lofi/metrics?start_time=2026-05-01T19:00:00%2B00:00&limit=100"
    )
    assert [len(answer.json()) for answer in answers] == [100, 90]


async def test_a_page_by_cursor_does_not_move_when_rows_are_added(service: Service) -> None:
    first = await service.get("/api/v1/streams/lofi/metrics?limit=10")
    await service.write("lofi", windows=260)
    second = await service.get(urljoin(str(first.url), first.links["next"]["url"]))
    assert [row["chat_count"] for row in second.json()] == list(range(239, 229, -1))


async def test_streams_are_paged_by_offset(service: Service) -> None:
    for n in range(24):
        await service.write(f"s{n:02}")
    answers = await _follow(service, "/api/v1/streams?limit=10")
    assert [len(answer.json()) for answer in answers] == [10, 10, 5]
    back = await _follow(service, str(answers[-1].url), "prev")
    assert [answer.json() for answer in back] == [answer.json() for answer in reversed(answers)]
    assert (await service.get("/api/v1/streams?offset=1000")).json() == []


async def test_a_position_includes_what_was_written_before(service: Service) -> None:
    before = await service.get("/api/v1/streams")
    await service.write("new")
    after = await service.get("/api/v1/streams/new")
    older, newer = (Position.parse(answer.headers["telemetra-position"]) for answer in (before, after))
    assert newer.seen.includes(older.seen)
    assert not older.seen.includes(newer.seen)


async def test_a_position_that_was_given_is_accepted_by_every_read(service: Service) -> None:
    position = (await service.get("/api/v1/streams")).headers["telemetra-position"]
    for path in ("", "/lofi", "/lofi/metrics", "/lofi/moments"):
        answer = await service.get(f"/api/v1/streams{path}", Telemetra_Position=position)
        assert answer.status_code == 200


_STRANGE_IDS = [
    "a/b",
    "a%2Fb",
    "a b",
    "50%",
    "under_score",
    'it\'s "quoted"',
    "naïve ☃ 🎈",
    "a\r\nX-Evil: 1",
    "..",
    "+",
    "a+b",
    "?x=1",
    "#",
    "a;b",
    "\\",
    "x" * 512,
]


@pytest.mark.parametrize("stream_id", _STRANGE_IDS)
async def test_an_id_is_matched_byte_by_byte(service: Service, stream_id: str) -> None:
    await service.write(stream_id, windows=1, moments=1)
    segment = quote(stream_id, safe="").replace(".", "%2E")
    for path in ("", "/metrics", "/moments"):
        answer = await service.raw(f"/api/v1/streams/{segment}{path}".encode())
        assert answer.status == 200
        assert "x-evil" not in answer.headers
    body: dict[str, Any] = httpx.Response(
        200, content=(await service.raw(f"/api/v1/streams/{segment}".encode())).body
    ).json()
    assert body["stream_id"] == stream_id


@pytest.mark.parametrize("other", ["LOFI", "lofi%20", "lof%C3%AD", "lofi%25", "l%5Ffi", "%25"])
async def test_an_id_that_is_nearly_right_is_another(service: Service, other: str) -> None:
    assert (await service.get(f"/api/v1/streams/{other}")).status_code == 404


async def test_equivalent_spellings_of_a_path_are_one(service: Service) -> None:
    for path in (b"/api/v1/streams/%6Cofi", b"/api/v1/%73treams/lofi", b"/api/v1/streams/lofi/"):
        assert (await service.raw(path)).status == 200


async def test_a_year_of_windows_is_read_by_ranges_side_by_side(service: Service) -> None:
    edges = [START + timedelta(minutes=n) for n in (0, 100, 180, 250)]
    counts = []
    for start, end in pairwise(edges):
        answer = await service.client.get(
            "/api/v1/streams/lofi/metrics",
            params={"start_time": start.isoformat(), "end_time": end.isoformat(), "limit": 1000},
        )
        counts.append(len(answer.json()))
    assert counts == [100, 80, 70]
