"""Rows that tables adopted from others may hold, and no writer of ours would make: every read takes them as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from telemetra.adapters.postgres import PostgresAddress, PostgresPorts, open_postgres
from telemetra.domain.queries import ListStreams, ReadMetrics
from telemetra.domain.windows import MetricWindow
from tests.api.http_service import running
from tests.databases import connected

EMOTES = {
    "'{{a,b},{c,d}}'": ["a", "b", "c", "d"],
    "'{{a,NULL},{NULL,d}}'": ["a", "d"],
    "'[0:1]={a,b}'": ["a", "b"],
    "'{a,NULL}'": ["a"],
    "'{}'": [],
    "null": [],
}
"""Of each array that a column can hold, what is read of it."""


@pytest.fixture
async def ports(database: PostgresAddress) -> AsyncIterator[PostgresPorts]:
    async with open_postgres(database, live_interval_seconds=0.01) as opened:
        yield opened


async def insert_windows(database: PostgresAddress, *values: str) -> None:
    """Insert windows of stream `s`; each value holds start, end and emotes, as SQL."""
    async with connected(database) as stranger:
        await stranger.execute(
            "insert into chat_summary_minute (stream_id, window_start, window_end, top_emotes) values "
            + ", ".join(f"('s', {value})" for value in values)
        )


async def test_emotes_in_any_array_are_read_as_a_list(
    ports: PostgresPorts, database: PostgresAddress
) -> None:
    before = (await ports.streams.list(ListStreams())).position
    steps = ports.feed.steps()
    await asyncio.wait_for(anext(steps), 30)
    await insert_windows(
        database,
        *(f"'2026-01-01 00:0{n}', '2026-01-01 00:0{n + 1}', {given}" for n, given in enumerate(EMOTES)),
    )
    wanted = list(EMOTES.values())
    listed = (await ports.metrics.list(ReadMetrics(stream_id="s"))).value
    assert [window.top_emotes for window in reversed(listed)] == wanted
    snapshot = await ports.feed.snapshot("s", windows=60, moments=20)
    assert [window.top_emotes for window in reversed(snapshot.metrics)] == wanted
    page = await ports.feed.since("s", before, limit=100)
    assert [emotes_of(change.data) for change in page.changes] == wanted
    step = await asyncio.wait_for(anext(steps), 30)
    assert [emotes_of(change.data) for change in step.changes["s"]] == wanted


def emotes_of(data: object) -> list[str]:
    assert isinstance(data, MetricWindow)
    return data.top_emotes


@pytest.mark.parametrize("path", ["metrics", "moments"])
async def test_pages_end_also_where_times_are_beyond_the_calendar(
    ports: PostgresPorts, database: PostgresAddress, path: str
) -> None:
    starts = ["'2026-01-01'", "'20000-01-01'", "'20001-01-01'", "'20002-01-01'"]
    await insert_windows(
        database, *(f"{start}, timestamp {start} + interval '1 minute', null" for start in starts)
    )
    async with connected(database) as stranger:
        await stranger.execute(
            "insert into moments (stream_id, timestamp, moment_type) values "
            + ", ".join(f"('s', {start}, 'chat_spike')" for start in [*starts, "'infinity'"])
        )
    found: list[str] = []
    async with running(replaced={"metrics": ports.metrics, "moments": ports.moments}) as service:
        url = f"/api/v1/streams/s/{path}?limit=1"
        for _ in range(len(starts) + 2):
            answer = await service.get(url)
            found += [row.get("window_start") or row["timestamp"] for row in answer.json()]
            if "next" not in answer.links:
                break
            url = str(answer.url.join(answer.links["next"]["url"]))
        else:
            pytest.fail(f"the pages do not end: {found}")
    assert found[0].startswith("9999-12-31T23:59:59")
    assert found[-1] == "2026-01-01T00:00:00Z"
    assert found.count(found[-1]) == 1
