"""Moments for the video of a stream: chapters for its description, markers for its timeline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from telemetra.adapters.memory import memory_ports
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.positions import Position
from tests.api.http_service import START, Service, running, window

URL = "/api/v1/streams/lofi/moments"


def happened(seconds: float, moment_type: str = MomentType.CHAT_SPIKE, **values: Any) -> Moment:
    plain: dict[str, Any] = {
        "moment_id": f"{moment_type}-{seconds}",
        "stream_id": "lofi",
        "description": "Chat went wild.",
        "metric_name": None,
        "metric_value": None,
        "threshold": None,
        "z_score": None,
        "metadata": None,
    }
    return Moment(
        timestamp=START + timedelta(seconds=seconds),
        moment_type=moment_type,  # type: ignore[arg-type]  # rows of others hold other words
        **plain | values,
    )


async def write(service: Service, *moments: Moment, windows: tuple[int, ...] = ()) -> None:
    with service.database.begin() as transaction:
        for minute in windows:
            transaction.put_window(window("lofi", minute))
        for moment in moments:
            transaction.put_moment(moment)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The application, with a stream whose first window starts at START, and an evening's moments."""
    async with running() as started:
        await write(
            started,
            happened(-60, description="Before the show."),
            happened(750),
            happened(4_000.5, MomentType.VIEWER_SPIKE, description='Raid by "=cmd"\r\n|100| viewers\x07'),
            happened(4_000.51, MomentType.SENTIMENT_SHIFT, description=None),
            happened(4_009, description="Too soon."),
            happened(4_010, "host_change", description="é" * 200),
            happened(86_399, description="The end."),
            windows=(0, 1),
        )
        yield started


CHAPTERS = f"""\
00:00:00 Start
00:12:30 Chat spike: Chat went wild.
01:06:40 Viewer spike: Raid by "=cmd" |100| viewers; Sentiment shift; Chat spike: Too soon.
01:06:50 Host change: {"é" * 86}…
23:59:59 Chat spike: The end.
"""
MARKERS = f"""\
TITLE: lofi
FCM: NON-DROP FRAME

001  001      V     C        00:12:30:00 00:12:30:01 00:12:30:00 00:12:30:01
 |C:ResolveColorYellow |M:Chat spike: Chat went wild. |D:1

002  001      V     C        01:06:40:15 01:06:40:16 01:06:40:15 01:06:40:16
 |C:ResolveColorGreen |M:Viewer spike: Raid by "=cmd" /100/ viewers; Sentiment shift |D:1

003  001      V     C        01:06:49:00 01:06:49:01 01:06:49:00 01:06:49:01
 |C:ResolveColorYellow |M:Chat spike: Too soon. |D:1

004  001      V     C        01:06:50:00 01:06:50:01 01:06:50:00 01:06:50:01
 |C:ResolveColorBlue |M:Host change: {"é" * 86}… |D:1

005  001      V     C        23:59:59:00 23:59:59:01 23:59:59:00 23:59:59:01
 |C:ResolveColorYellow |M:Chat spike: The end. |D:1

"""


async def test_chapters_are_lines_from_the_first_window_on(service: Service) -> None:
    answer = await service.get(f"{URL}?format=chapters")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="lofi-chapters.txt"'
    assert answer.text == CHAPTERS


async def test_an_edl_has_a_marker_for_each_frame_at_which_something_happened(service: Service) -> None:
    answer = await service.get(f"{URL}?format=edl")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="lofi-moments.edl"'
    assert answer.text == MARKERS


async def test_chapters_count_from_zero_and_leave_out_what_was_before(service: Service) -> None:
    zero = "2026-05-01T17:59:00Z"
    lines = (await service.get(f"{URL}?format=chapters&zero={zero}&limit=2")).text.splitlines()
    assert lines == [
        "00:00:00 Chat spike: Before the show.",
        "00:13:30 Chat spike: Chat went wild.",
    ]
    lines = (await service.get(f"{URL}?format=chapters&zero=2026-05-01T19:06:40.505Z")).text.splitlines()
    assert lines[0] == "00:00:00 Sentiment shift; Chat spike: Too soon.; Host change: " + "é" * 46 + "…"
    lines = (await service.get(f"{URL}?format=chapters&zero=2026-04-20T00:00:00Z&limit=1")).text.splitlines()
    assert lines == ["00:00:00 Start", "281:59:00 Chat spike: Before the show."]


async def test_one_type_and_a_range_are_chosen_as_in_a_page(service: Service) -> None:
    which = "moment_type=chat_spike&start_time=2026-05-01T19:00:00Z&end_time=2026-05-02T00:00:00Z"
    lines = (await service.get(f"{URL}?format=chapters&{which}")).text.splitlines()
    assert lines == ["00:00:00 Start", "01:06:49 Chat spike: Too soon."]


@pytest.mark.parametrize(
    ("fps", "timecodes", "count"),
    [
        ("23.976", ["00:12:29:06", "01:06:36:12"], "NON-DROP FRAME"),
        ("24", ["00:12:30:00", "01:06:40:12"], "NON-DROP FRAME"),
        ("25", ["00:12:30:00", "01:06:40:12"], "NON-DROP FRAME"),
        ("29.97", ["00:12:29:07", "01:06:36:15"], "NON-DROP FRAME"),
        ("29.97df", ["00:12:29;29", "01:06:40;15"], "DROP FRAME"),
        ("60", ["00:12:30:00", "01:06:40:30"], "NON-DROP FRAME"),
    ],
)
async def test_a_marker_is_at_the_frame_that_the_rate_counts(
    service: Service, fps: str, timecodes: list[str], count: str
) -> None:
    text = (await service.get(f"{URL}?format=edl&fps={fps}&limit=2")).text
    assert f"FCM: {count}\n" in text
    events = [line.split() for line in text.splitlines() if line[:3].isdigit()]
    assert [event[4] for event in events] == timecodes
    assert all(event[4:6] == event[6:8] for event in events)


async def test_a_timeline_that_begins_at_one_o_clock_is_met_by_a_zero_an_hour_before(
    service: Service,
) -> None:
    text = (
        await service.get(f"{URL}?format=edl&zero=2026-05-01T17:00:00Z&end_time=2026-05-01T18:13:00Z")
    ).text
    assert "01:12:30:00" in text


async def test_many_moments_come_page_by_page_in_time_s_order(service: Service) -> None:
    await write(service, *(happened(1_000 + 20 * number, description=None) for number in range(1_200)))
    lines = (await service.get(f"{URL}?format=chapters")).text.splitlines()
    assert len(lines) == 1_204
    assert lines == sorted(lines)
    text = (await service.get(f"{URL}?format=edl")).text
    numbers = [line.split()[0] for line in text.splitlines() if line[:3].isdigit()]
    assert numbers == [f"{number:03}" for number in range(1, 1_206)]


async def test_without_windows_the_first_moment_is_the_start() -> None:
    async with running() as service:
        await write(service, happened(100), happened(160))
        chapters = (await service.get(f"{URL}?format=chapters")).text
        assert chapters == "00:00:00 Chat spike: Chat went wild.\n00:01:00 Chat spike: Chat went wild.\n"
        of_none = (await service.get(f"{URL}?format=edl&moment_type=viewer_spike")).text
        assert of_none == "TITLE: lofi\nFCM: NON-DROP FRAME\n\n"


async def test_a_stream_where_nothing_happened_has_one_chapter(service: Service) -> None:
    await service.write("quiet")
    url = "/api/v1/streams/quiet/moments"
    assert (await service.get(f"{url}?format=chapters")).text == "00:00:00 Start\n"
    assert (await service.get(f"{url}?format=edl")).text == "TITLE: quiet\nFCM: NON-DROP FRAME\n\n"


async def test_the_title_of_a_list_is_one_line(service: Service) -> None:
    await write(service, happened(1, stream_id="two\nlines " + "x" * 100, moment_id="other"))
    text = (await service.get(f"/api/v1/streams/two%0Alines%20{'x' * 100}/moments?format=edl")).text
    assert text.splitlines()[0] == "TITLE: two lines " + "x" * 59 + "…"
    assert text.splitlines()[1] == "FCM: NON-DROP FRAME"


async def test_what_has_no_timecode_is_refused_and_not_left_out(service: Service) -> None:
    await write(service, happened(86_410))
    refused = await service.get(f"{URL}?format=edl")
    assert refused.status_code == 422
    assert [error["name"] for error in refused.json()["errors"]] == ["zero", "end_time"]
    assert "24 hours" in refused.json()["errors"][0]["reason"]
    for which in ("end_time=2026-05-02T18:00:00Z", "zero=2026-05-01T18:00:11Z"):
        assert (await service.get(f"{URL}?format=edl&{which}")).status_code == 200
    assert (await service.get(f"{URL}?format=chapters")).text.endswith(
        "24:00:10 Chat spike: Chat went wild.\n"
    )


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("format=chapters&zero=2026-05-02&end_time=2026-05-01T20:00:00Z", ["zero", "end_time"]),
        ("format=edl&end_time=2026-05-01T17:00:00Z", ["zero", "end_time"]),
        ("format=chapters&zero=noon", ["zero"]),
        ("format=edl&fps=31", ["fps"]),
        ("format=edl&fps=29.970", ["fps"]),
        ("format=chapters&fps=30", ["fps"]),
        ("format=edl&cursor=bQAGUMc4r3IAOGQw", ["cursor"]),
        ("format=chapters&limit=0", ["limit"]),
        ("zero=2026-05-01", ["zero"]),
    ],
)
async def test_what_can_not_be_meant_is_refused(service: Service, query: str, names: list[str]) -> None:
    answer = await service.get(f"{URL}?{query}")
    assert answer.status_code == 422, answer.text
    assert [error["name"] for error in answer.json()["errors"]] == names


async def test_the_bounds_of_the_calendar_are_a_zero_like_others(service: Service) -> None:
    early = await service.get(f"{URL}?format=chapters&zero=0001-01-01&limit=1")
    assert early.text.splitlines()[1].endswith("Chat spike: Before the show.")
    late = await service.get(f"{URL}?format=edl&zero=9999-12-31T23:59:59Z")
    assert (late.status_code, late.text.count("|M:")) == (200, 0)


async def test_an_unknown_stream_is_not_found(service: Service) -> None:
    for form in ("chapters", "edl"):
        for zero in ("", "&zero=2026-05-01"):
            answer = await service.get(f"/api/v1/streams/nobody/moments?format={form}{zero}")
            assert answer.status_code == 404


async def test_going_on_live_from_the_position_misses_no_moment(service: Service) -> None:
    answer = await service.get(f"{URL}?format=chapters")
    position = Position.parse(answer.headers["telemetra-position"])
    newer = happened(5_000)
    await write(service, newer)
    page = await memory_ports(service.database).feed.since("lofi", position, limit=10)
    assert [change.data for change in page.changes] == [newer]
