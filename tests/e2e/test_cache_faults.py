"""Windows that come twice, late, anew and by the hundred thousand: who is told of them reads them, and others' answers stay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import asyncpg
import pytest

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected
from tests.e2e.reading import Reader, Rows, listening, next_page, patient, reading, rows_of, stored
from tests.e2e.service import Service, serving

STREAM, OTHER, ELSEWHERE = "lofi", "other", "elsewhere"
START = datetime(2026, 1, 1)  # noqa: DTZ001  (the columns' own naive UTC)
INSERT = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count)
    select $1, $2::timestamp, $2::timestamp + interval '1 minute', $3
"""
UPSERT = f"""{INSERT}
    on conflict (stream_id, window_start, window_end) do update set chat_count = excluded.chat_count
"""
PAGE = f"/api/v1/streams/{STREAM}/metrics?limit=7"
RANGE_WHERE = "window_start >= '2026-01-01 00:10' and window_start < '2026-01-01 00:31'"
QUESTIONS = {
    f"/api/v1/streams/{STREAM}/metrics?limit=1000": "true",
    f"/api/v1/streams/{STREAM}/metrics?limit=1000&end_time=2026-01-01T00:10:00Z": "window_start < '2026-01-01 00:10'",
    f"/api/v1/streams/{STREAM}/metrics?limit=1000&start_time=2026-01-01T00:10:00Z&end_time=2026-01-01T00:31:00Z": (
        RANGE_WHERE
    ),
}
"""Reads of windows, with the condition that says the same to the database."""
OTHERS = (f"/api/v1/streams/{OTHER}", f"/api/v1/streams/{OTHER}/metrics", f"/api/v1/streams/{OTHER}/moments")
ROUNDS = 30
BACKFILLED = 300_000


@dataclass(frozen=True)
class Scene:
    """A service, one that reads it, and a stranger's connection; each stream has windows two minutes apart."""

    service: Service
    reader: Reader
    writer: asyncpg.Connection

    async def assert_right(self) -> None:
        """Assert that every read of the stream has what is stored."""
        for path, where in QUESTIONS.items():
            assert await self.reader.rows(path) == await stored(self.writer, STREAM, where, limit=1000), path

    async def pages(self, path: str) -> Rows:
        """Return what all pages have together, from this one on."""
        rows: Rows = []
        following: str | None = path
        while following:
            answer = await self.reader.get(following)
            rows += rows_of(answer)
            following = next_page(answer)
        return rows


@pytest.fixture
async def scene(
    request: pytest.FixtureRequest, tmp_path: Path, database: PostgresAddress, redis_url: str
) -> AsyncIterator[Scene]:
    redis_url = getattr(request, "param", None) or redis_url
    async with connected(database) as writer:
        for stream_id in (STREAM, OTHER, ELSEWHERE):
            await writer.execute("insert into streams (stream_id) values ($1)", stream_id)
            for number in range(20):
                await writer.execute(INSERT, stream_id, START + timedelta(minutes=2 * number), number)
        async with (
            serving(tmp_path / "data", **patient(database, redis_url)) as service,
            reading(service) as reader,
        ):
            yield Scene(service, reader, writer)


# What one process keeps, and what it has from Redis, would hide each other's faults.
on_each_level = pytest.mark.parametrize(
    "scene", ["redis://127.0.0.1:1", None], ids=["alone", "with Redis"], indirect=True
)


@on_each_level
async def test_a_window_that_comes_twice_is_told_to_nobody_and_ends_no_answer(scene: Scene) -> None:
    reader, writer, last = scene.reader, scene.writer, START + timedelta(minutes=38)
    async with (
        listening(scene.service, STREAM) as ear,
        listening(scene.service, ELSEWHERE) as elsewhere,
    ):
        # A service that stands still for a second trusts nothing that it keeps: not time after time.
        for attempt in range(5):
            before = await reader.positions(*QUESTIONS)
            with pytest.raises(asyncpg.UniqueViolationError):
                await writer.execute(INSERT, STREAM, last, 999)
            await writer.execute(f"{INSERT} on conflict do nothing", STREAM, last, 999)
            await writer.execute(UPSERT, STREAM, last, 19)
            # Told after those, and what is read from now on has it.
            await writer.execute(UPSERT, ELSEWHERE, last, 100 + attempt)
            await elsewhere.until_told(100 + attempt)
            after = await reader.positions(*QUESTIONS)
            never_asked = await reader.positions(f"/api/v1/streams/{STREAM}/metrics?limit={attempt + 20}")
            assert never_asked[0] not in before
            if after == before:
                break
        assert after == before
        await scene.assert_right()
        await writer.execute(UPSERT, STREAM, last, 1000)
        await ear.until_told(1000)
        assert ear.counts == [1000]
        await scene.assert_right()


@on_each_level
async def test_who_is_told_of_a_window_rewritten_or_late_reads_it_and_other_answers_are_kept(
    scene: Scene,
) -> None:
    reader, writer = scene.reader, scene.writer
    positions_of_others = {tuple(await reader.positions(*OTHERS))}
    chance = Random(39)  # noqa: S311  (a course that can be run again)
    late = [START + timedelta(minutes=2 * number + 1) for number in range(-10, 10)]
    chance.shuffle(late)
    async with listening(scene.service, STREAM) as ear:
        for number in range(100, 100 + ROUNDS):
            first = await reader.get(PAGE)
            onward = next_page(first)
            assert onward
            await scene.assert_right()
            assert await scene.pages(PAGE) == await stored(writer, STREAM)
            is_late = bool(late) and number % 2 == 0
            again = START + timedelta(minutes=2 * chance.randrange(20))
            await writer.execute(UPSERT, STREAM, late.pop() if is_late else again, number)
            await ear.until_told(number)
            await scene.assert_right()
            # A page goes on where it ended, whatever came since.
            oldest = rows_of(first)[-1][0]
            older = f"window_start < (select window_start from chat_summary_minute where id = {oldest})"
            assert await scene.pages(onward) == await stored(writer, STREAM, older)
            positions_of_others.add(tuple(await reader.positions(*OTHERS)))
        assert ear.counts == list(range(100, 100 + ROUNDS))
    # Read anew after each round they would have a position for each; see above for why one may.
    assert len(positions_of_others) < ROUNDS / 3


async def test_who_is_told_of_the_first_window_of_a_backfill_reads_all_of_it(scene: Scene) -> None:
    reader, writer, begin = scene.reader, scene.writer, datetime(2020, 1, 1)  # noqa: DTZ001
    day = f"/api/v1/streams/{STREAM}/metrics?limit=500&start_time=2020-03-01T00:00:00Z&end_time=2020-03-02T00:00:00Z"
    oldest = f"/api/v1/streams/{STREAM}/metrics?end_time=2020-01-01T01:00:00Z"
    others = await reader.rows(OTHERS[1])
    windows = (
        (STREAM, begin + timedelta(minutes=number), begin + timedelta(minutes=number + 1), 1_000 + number)
        for number in range(BACKFILLED)
    )
    columns = ("stream_id", "window_start", "window_end", "chat_count")
    async with listening(scene.service, STREAM) as ear:
        assert await scene.pages(day) == await reader.rows(oldest) == []
        async with writer.transaction():
            await writer.copy_records_to_table(
                "chat_summary_minute", records=windows, columns=columns, timeout=60
            )
            # Nobody sees it before it is whole.
            assert await reader.rows(oldest) == []
        await ear.receive("metrics")
        assert ear.counts == [1_000]
        first = 1_000 + 60 * 1_440
        assert [count for _, count in await scene.pages(day)] == list(reversed(range(first, first + 1_440)))
        assert len(await reader.rows(oldest)) == 60
        await scene.assert_right()
    assert await reader.rows(OTHERS[1]) == others
