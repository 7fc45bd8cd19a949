"""The contract of `MetricReader`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from telemetra.domain.errors import StreamNotFound
from telemetra.domain.queries import ReadMetrics, WindowCursor
from telemetra.domain.windows import MetricWindow, WindowSummary
from tests.contract.samples import a_moment, a_stream, a_window, at, on_the_wire, without_id
from tests.contract.world import World


async def write(world: World, windows: Sequence[WindowSummary]) -> None:
    async with world.transaction() as transaction:
        for window in windows:
            await transaction.put_window(window)


async def read(world: World, query: ReadMetrics) -> list[MetricWindow]:
    return list((await world.ports.metrics.list(query)).value)


def starts(windows: Sequence[MetricWindow]) -> list[float]:
    return [(window.window_start - at(0)).total_seconds() / 60 for window in windows]


async def test_windows_come_newest_first(world: World) -> None:
    await write(world, [a_window(minute) for minute in (2, 0, 3, 1)])
    assert starts(await read(world, ReadMetrics(stream_id="lofi"))) == [3, 2, 1, 0]


async def test_windows_that_start_together_come_longest_first(world: World) -> None:
    await write(world, [a_window(0, length_minutes=length) for length in (5, 1, 15)])
    windows = await read(world, ReadMetrics(stream_id="lofi"))
    assert [window.window_end for window in windows] == [at(15), at(5), at(1)]


async def test_a_window_is_returned_as_it_was_written(world: World) -> None:
    written = a_window(
        0.000_25,
        chat_count=4_321,
        top_emotes=["Kappa", 'o"O', "a,b", "{}", "\\", "NULL", ""],
        is_anomaly=True,
        z_score=-3.5,
    )
    await write(world, [written])
    assert [without_id(window) for window in await read(world, ReadMetrics(stream_id="lofi"))] == [written]


async def test_what_is_unknown_is_null(world: World) -> None:
    written = a_window(top_emotes=[], avg_sentiment=None, chat_rate=None, avg_viewers=None, z_score=None)
    await write(world, [written])
    assert [without_id(window) for window in await read(world, ReadMetrics(stream_id="lofi"))] == [written]


async def test_windows_have_ids_of_their_own(world: World) -> None:
    await write(world, [a_window(0), a_window(1), a_window(0, stream_id="other")])
    found = await read(world, ReadMetrics(stream_id="lofi")) + await read(
        world, ReadMetrics(stream_id="other")
    )
    assert len({window.id for window in found}) == 3


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_numbers_that_json_cannot_hold_come_as_null(world: World, number: float) -> None:
    await write(world, [a_window(chat_rate=number, avg_viewers=number, z_score=number)])
    (window,) = await read(world, ReadMetrics(stream_id="lofi"))
    sent = on_the_wire(window)
    assert (sent["chat_rate"], sent["avg_viewers"], sent["z_score"]) == (None, None, None)


async def test_a_sentiment_that_is_not_a_number_comes_as_null(world: World) -> None:
    await write(world, [a_window(avg_sentiment=math.nan)])
    (window,) = await read(world, ReadMetrics(stream_id="lofi"))
    assert on_the_wire(window)["avg_sentiment"] is None


async def test_the_range_is_half_open_on_the_start_of_windows(world: World) -> None:
    await write(world, [a_window(minute) for minute in range(6)])
    query = ReadMetrics(stream_id="lofi", start_time=at(1), end_time=at(4))
    assert starts(await read(world, query)) == [3, 2, 1]


async def test_a_range_may_have_one_end(world: World) -> None:
    await write(world, [a_window(minute) for minute in range(4)])
    assert starts(await read(world, ReadMetrics(stream_id="lofi", start_time=at(2)))) == [3, 2]
    assert starts(await read(world, ReadMetrics(stream_id="lofi", end_time=at(2)))) == [1, 0]


async def test_at_most_as_many_as_asked_for_are_returned(world: World) -> None:
    await write(world, [a_window(minute) for minute in range(4)])
    for limit, more in ((1, True), (3, True), (4, False), (1_000, False)):
        answer = await world.ports.metrics.list(ReadMetrics(stream_id="lofi", limit=limit))
        assert starts(list(answer.value)) == [3, 2, 1, 0][:limit]
        assert answer.more == more


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_pages_hold_every_window_once(world: World, limit: int) -> None:
    lengths = (1, 5, 15)
    await write(world, [a_window(minute, length_minutes=length) for minute in range(3) for length in lengths])
    query = ReadMetrics(stream_id="lofi", limit=limit, start_time=at(1))
    pages: list[MetricWindow] = []
    more = True
    while more:
        answer = await world.ports.metrics.list(query)
        assert answer.value
        pages += answer.value
        last = answer.value[-1]
        query = replace(query, after=WindowCursor(last.window_start, last.window_end))
        more = answer.more
    assert pages == await read(world, ReadMetrics(stream_id="lofi", start_time=at(1)))
    assert len(pages) == 6


async def test_windows_may_come_oldest_first_page_by_page(world: World) -> None:
    await write(world, [a_window(minute, length_minutes=length) for minute in range(3) for length in (1, 5)])
    query = ReadMetrics(stream_id="lofi", limit=3, end_time=at(2), oldest_first=True)
    first = await world.ports.metrics.list(query)
    last = first.value[-1]
    second = await world.ports.metrics.list(
        replace(query, after=WindowCursor(last.window_start, last.window_end))
    )
    assert (first.more, second.more) == (True, False)
    found = [*first.value, *second.value]
    newest_first = await read(world, ReadMetrics(stream_id="lofi", end_time=at(2)))
    assert found == newest_first[::-1]
    assert len(found) == 4


async def test_a_cursor_need_not_be_a_window_that_is_still_there(world: World) -> None:
    await write(world, [a_window(0), a_window(2)])
    query = ReadMetrics(stream_id="lofi", after=WindowCursor(at(1), at(2)))
    assert starts(await read(world, query)) == [0]


async def test_windows_of_other_streams_are_not_returned(world: World) -> None:
    await write(world, [a_window(0), a_window(1, stream_id="other"), a_window(2, stream_id="lofi ")])
    assert starts(await read(world, ReadMetrics(stream_id="lofi"))) == [0]


async def test_an_unknown_stream_is_not_found(world: World) -> None:
    await write(world, [a_window()])
    with pytest.raises(StreamNotFound):
        await world.ports.metrics.list(ReadMetrics(stream_id="nobody"))


async def test_a_known_stream_with_nothing_in_range_is_empty(world: World) -> None:
    await write(world, [a_window()])
    assert await read(world, ReadMetrics(stream_id="lofi", start_time=at(5))) == []


async def test_a_stream_that_has_only_its_row_or_only_moments_is_known(world: World) -> None:
    async with world.transaction() as transaction:
        await transaction.put_stream(a_stream("described"))
        await transaction.put_moment(a_moment(stream_id="eventful"))
    assert await read(world, ReadMetrics(stream_id="described")) == []
    assert await read(world, ReadMetrics(stream_id="eventful")) == []


async def test_the_answer_carries_the_position_it_was_read_at(world: World) -> None:
    await write(world, [a_window(0)])
    answer = await world.ports.metrics.list(ReadMetrics(stream_id="lofi"))
    await write(world, [a_window(1)])
    page = await world.ports.feed.since("lofi", answer.position, limit=10)
    assert [change.data for change in page.changes] == await read(
        world, ReadMetrics(stream_id="lofi", start_time=at(1))
    )
