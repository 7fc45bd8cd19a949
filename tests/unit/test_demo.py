from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from telemetra.adapters.memory import (
    MemoryDatabase,
    MemoryFeed,
    MemoryMetrics,
    MemoryMoments,
    MemoryStreams,
    MemoryWriter,
)
from telemetra.domain.moments import Moment
from telemetra.domain.ports import StreamWriter
from telemetra.domain.queries import ReadMetrics, ReadMoments
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow, WindowSummary
from telemetra.entrypoints.cli.demo import DEMO_STREAM, HISTORY, WINDOW, run_demo

NOON = datetime(2026, 7, 4, 12, 0, 3, tzinfo=UTC)
EDGE = datetime(2026, 7, 4, 12, tzinfo=UTC)
TIMEOUT_SECONDS = 60


class Ended(Exception):
    """The fake time has reached its end."""


class FakeTime:
    """A clock that moves when the demo sleeps; `at` are things to do when it has come to some time."""

    def __init__(
        self, start: datetime, *, ticks: int, at: dict[int, Callable[[], None]] | None = None
    ) -> None:
        self.now = start
        self._ticks_left = ticks
        self._ticks = 0
        self._at = at or {}

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= WINDOW.total_seconds()
        if self._ticks == self._ticks_left:
            raise Ended
        self._ticks += 1
        self.now += timedelta(seconds=seconds)
        self._at.get(self._ticks, lambda: None)()
        await asyncio.sleep(0)


class CountingWriter:
    """Counts the windows of each transaction."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._writer = MemoryWriter(database)
        self.transactions: list[int] = []

    async def write(
        self, stream: Stream, windows: Sequence[WindowSummary], moments: Sequence[Moment]
    ) -> None:
        await self._writer.write(stream, windows, moments)
        self.transactions.append(len(windows))


async def run_for(time: FakeTime, database: MemoryDatabase, *, writer: StreamWriter | None = None) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises(Ended):
            await run_demo(writer or MemoryWriter(database), clock=time.clock, sleep=time.sleep)


async def windows_of(database: MemoryDatabase) -> list[MetricWindow]:
    answer = await MemoryMetrics(database).list(ReadMetrics(stream_id=DEMO_STREAM, limit=10_000))
    return list(reversed(answer.value))


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


async def test_at_its_start_there_is_an_hour_of_history_without_holes_up_to_now(
    database: MemoryDatabase,
) -> None:
    writer = CountingWriter(database)
    await run_for(FakeTime(NOON, ticks=0), database, writer=writer)
    windows = await windows_of(database)
    assert windows[0].window_start == EDGE - HISTORY
    assert windows[-1].window_end == EDGE
    assert all(after.window_start == before.window_end for before, after in pairwise(windows))
    assert len(windows) == 720
    assert len(writer.transactions) == 1


async def test_its_windows_are_worth_looking_at(database: MemoryDatabase) -> None:
    await run_for(FakeTime(NOON, ticks=0), database)
    windows = await windows_of(database)
    assert 5 < sum(window.chat_count for window in windows) / len(windows) < 40
    assert all(window.avg_viewers for window in windows)
    assert all(window.z_score is not None for window in windows), (
        "the baseline stands from the first window on"
    )
    assert sum(window.is_anomaly for window in windows) >= 3
    assert sum(bool(window.top_emotes) for window in windows) > 0.9 * len(windows)
    sentiments = [window.avg_sentiment for window in windows if window.avg_sentiment is not None]
    assert min(sentiments) < -0.1 < 0.3 < max(sentiments)
    moments = (await MemoryMoments(database).list(ReadMoments(stream_id=DEMO_STREAM, limit=1000))).value
    assert 3 <= len(moments) <= 60
    stream = (await MemoryStreams(database).get(DEMO_STREAM)).value
    assert stream.title
    assert (stream.created_at, stream.updated_at) == (EDGE - HISTORY, EDGE)


async def test_then_each_window_is_written_when_it_has_ended(database: MemoryDatabase) -> None:
    writer, time = CountingWriter(database), FakeTime(NOON, ticks=24)
    await run_for(time, database, writer=writer)
    assert writer.transactions == [720] + [1] * 24
    assert (await windows_of(database))[-1].window_end == EDGE + 24 * WINDOW
    assert time.now == EDGE + 24 * WINDOW


async def test_a_demo_that_is_started_again_changes_nothing_and_goes_on(database: MemoryDatabase) -> None:
    await run_for(FakeTime(NOON, ticks=200), database)
    before = await windows_of(database)
    position = database.position()
    again = FakeTime(NOON + 200 * WINDOW, ticks=0)
    await run_for(again, database)
    assert not (await MemoryFeed(database).since(DEMO_STREAM, position, limit=10)).changes
    await run_for(FakeTime(again.now, ticks=3), database)
    assert (await windows_of(database))[: len(before)] == before
    assert len(await windows_of(database)) == len(before) + 3


async def test_it_survives_a_database_that_is_away_catches_up_and_says_so_once(
    database: MemoryDatabase,
) -> None:
    def go_away() -> None:
        database.available = False

    def come_back() -> None:
        database.available = True

    with capture_logs() as logs:
        await run_for(FakeTime(NOON, ticks=20, at={5: go_away, 15: come_back}), database)
    undisturbed = MemoryDatabase()
    await run_for(FakeTime(NOON, ticks=20), undisturbed)
    assert await windows_of(database) == await windows_of(undisturbed)
    assert [entry["event"] for entry in logs] == ["demo_paused", "demo_resumed"]


async def test_a_database_that_is_away_at_the_start_gets_its_history_later(database: MemoryDatabase) -> None:
    def come_back() -> None:
        database.available = True

    database.available = False
    await run_for(FakeTime(NOON, ticks=4, at={3: come_back}), database)
    windows = await windows_of(database)
    assert len(windows) == 721
    assert windows[-1].window_end == EDGE + 4 * WINDOW


async def test_after_a_long_sleep_of_the_machine_only_the_last_hour_is_made(database: MemoryDatabase) -> None:
    time = FakeTime(NOON, ticks=2)

    def oversleep() -> None:
        time.now += timedelta(days=300)

    time._at[1] = oversleep
    await run_for(time, database)
    windows = await windows_of(database)
    assert len(windows) == 720 + 720 + 1
    rested = [window for window in windows if window.window_start > NOON]
    fresh = MemoryDatabase()
    await run_for(FakeTime(rested[-1].window_end, ticks=0), fresh)
    assert [window.chat_count for window in rested[1:]] == [
        window.chat_count for window in await windows_of(fresh)
    ]


async def test_a_clock_that_is_set_back_makes_it_wait(database: MemoryDatabase) -> None:
    time = FakeTime(NOON, ticks=3)

    def set_back() -> None:
        time.now -= timedelta(seconds=4)

    time._at[1] = set_back
    await run_for(time, database)
    assert len(await windows_of(database)) == 722
