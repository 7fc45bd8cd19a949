"""Exports from a real service: whole, in bounded memory, at the client's pace, and visibly broken where they are not whole."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
import websockets

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected
from tests.e2e.reading import PATIENCE_SECONDS, patient, reading
from tests.e2e.service import END_SECONDS, Service, serving
from tests.own_postgres import OwnPostgres, own_postgres

STREAM = "long"
METRICS = f"/api/v1/streams/{STREAM}/metrics"
ROWS = 300_000
MOST_GROWTH_BYTES = 30 * 1024 * 1024
NARROW = """
    insert into chat_summary_minute
        (stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes, avg_sentiment, chat_rate, z_score)
    select $1, t, t + interval '1 minute', n, n / 2, array['Kappa', 'a "quoted", one'], (n % 200 - 100) / 100.0, n / 60.0,
        case when n % 3 > 0 then n / 7.0 end
    from generate_series($2::int, $3::int) n, lateral (select timestamp '2025-01-01' + n * interval '1 minute' as t) s
"""
WIDE = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, top_emotes)
    select $1, t, t + interval '1 minute', n, array_fill(repeat('x', 100), array[10])
    from generate_series($2::int, $3::int) n, lateral (select timestamp '2025-01-01' + n * interval '1 minute' as t) s
"""
WIDE_ROWS = 30_000
"""Thirty-six megabytes, which no buffer on the way takes."""


class Body:
    """An export's body as it comes, line by line, with what the service's process takes meanwhile."""

    def __init__(self, answer: httpx.Response, process: psutil.Process) -> None:
        self.answer = answer
        self._process = process
        self.taken = 0
        self.most_rss = 0
        self._rest = b""

    async def pieces(self) -> AsyncIterator[bytes]:
        async for piece in self.answer.aiter_bytes():
            self.taken += len(piece)
            with suppress(psutil.NoSuchProcess):
                # What is on its way comes also from one that has ended.
                self.most_rss = max(self.most_rss, self._process.memory_info().rss)
            yield piece

    async def lines(self) -> AsyncIterator[str]:
        rest = b""
        async for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield line.decode().rstrip("\r")
        assert rest == b""


@asynccontextmanager
async def exporting(service: Service, url: str, **headers: str) -> AsyncIterator[Body]:
    named = {"Accept-Encoding": "identity"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    async with (
        httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", url, headers=named) as answer,
    ):
        assert answer.status_code == 200
        yield Body(answer, psutil.Process(service.process.pid))


async def fill(connection: asyncpg.Connection, statement: str, rows: int) -> None:
    await connection.execute("insert into streams (stream_id) values ($1)", STREAM)
    await connection.execute(statement, STREAM, 1, rows)
    await connection.execute("vacuum analyze chat_summary_minute")


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database) as connection:
        yield connection


@pytest.fixture
async def server() -> AsyncIterator[OwnPostgres]:
    async with own_postgres() as started:
        yield started


async def read_on(lines: AsyncIterator[str], counts: list[int]) -> None:
    """Read to the end, and note the count of each row that came, also where there is none."""
    async for line in lines:
        counts.append(json.loads(line)["chat_count"])  # noqa: PERF401  (what came before an end is wanted, too)


def read_csv(lines: list[str]) -> Iterator[dict[str, str]]:
    return csv.DictReader(lines, strict=True)


def same(cell: str, value: Any) -> bool:
    if value is None:
        return cell == ""
    if isinstance(value, str):
        return cell == value
    return bool(json.loads(cell) == value)


async def test_three_hundred_thousand_rows_are_exported_in_flat_memory(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    await fill(writer, NARROW, ROWS)
    async with (
        serving(tmp_path / "data", **patient(database, redis_url)) as service,
        reading(service) as reader,
    ):
        pages: list[dict[str, Any]] = []
        url = f"{METRICS}?limit=1000"
        while len(pages) < 3_000:
            page = await reader.get(url)
            pages += page.json()
            url = str(page.url.join(page.links["next"]["url"]))
        # Whatever is kept once is there before memory is looked at.
        for form in ("csv", "ndjson"):
            async with exporting(service, f"{METRICS}?format={form}&limit=30000") as body:
                async for _ in body.pieces():
                    pass
        before = psutil.Process(service.process.pid).memory_info().rss
        for form, coding in (("csv", "identity"), ("csv", "gzip"), ("ndjson", "br")):
            began = perf_counter()
            first, count, last = [], 0, ""
            async with exporting(service, f"{METRICS}?format={form}", Accept_Encoding=coding) as body:
                assert body.answer.headers.get("content-encoding", "identity") == coding
                async for line in body.lines():
                    count += 1
                    last = line
                    if count <= len(pages) + 1:
                        first.append(line)
            seconds = perf_counter() - began
            print(  # noqa: T201  (figures, for whoever looks)
                f"{form} {coding}: {ROWS / seconds:,.0f} rows/s, {body.taken / seconds / 1e6:.1f} MB/s of {body.taken / 1e6:.1f} MB, "
                f"RSS {before / 2**20:.0f} MiB + {(body.most_rss - before) / 2**20:.1f} MiB"
            )
            if form == "csv":
                assert count == ROWS + 1
                for row, told in zip(read_csv(first), pages, strict=True):
                    assert row.keys() == told.keys()
                    assert all(same(row[name], value) for name, value in told.items()), (row, told)
                assert next(read_csv([first[0], last]))["chat_count"] == "1"
            else:
                assert count == ROWS
                assert [json.loads(line) for line in first[: len(pages)]] == pages
                assert json.loads(last)["chat_count"] == 1
            assert body.most_rss - before < MOST_GROWTH_BYTES


async def test_slow_readers_hold_no_connection_and_keep_nobody_waiting(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    await fill(writer, WIDE, WIDE_ROWS)
    settings = patient(database, redis_url, POSTGRES_POOL_SIZE="1")
    async with serving(tmp_path / "data", **settings) as service, reading(service) as reader:
        await reader.get(METRICS)
        before = psutil.Process(service.process.pid).memory_info().rss
        async with asyncio.TaskGroup() as slow:
            enough, stalled = asyncio.Event(), asyncio.Semaphore(0)

            async def read_slowly() -> None:
                async with exporting(service, f"{METRICS}?format=ndjson") as body:
                    pieces = body.pieces()
                    await anext(pieces)
                    stalled.release()
                    await enough.wait()

            readers = [slow.create_task(read_slowly()) for _ in range(20)]
            async with asyncio.timeout(PATIENCE_SECONDS):
                for _ in readers:
                    await stalled.acquire()
            for number in range(30):
                answer = await reader.get(f"{METRICS}?limit=10&end_time=2025-01-10T00:00:00.{number:06}Z")
                assert len(answer.json()) == 10
            # Every page that anybody has asked for was read to its end, in no transaction that would stay open.
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await writer.fetchval(  # noqa: ASYNC110  (the database rings no bell)
                    "select count(*) from pg_stat_activity where application_name = 'telemetra' "
                    "and (state = 'idle in transaction' or (state = 'active' and query like '%$1%chat_summary_minute%'))"
                ):
                    await asyncio.sleep(0.05)
            grown = psutil.Process(service.process.pid).memory_info().rss - before
            # A page of these rows is 1.2 MB, as rows and as text.
            assert grown < 20 * 8 * 1024 * 1024
            enough.set()


async def test_who_goes_away_ends_the_reading(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    await fill(writer, WIDE, WIDE_ROWS)
    async with serving(tmp_path / "data", **patient(database, redis_url)) as service:
        async with exporting(service, f"{METRICS}?format=ndjson", X_Request_ID="leaves") as body:
            async for _ in body.pieces():
                if body.taken > 1_000_000:
                    break
        line = await service.logged(event="http_request", request_id="leaves")
        assert line["status"] == 200
        assert not any(json.loads(line)["level"] == "error" for line in service.log)


@pytest.mark.parametrize("harm", ["killed", "restarted"])
async def test_a_database_that_goes_away_in_the_middle(
    tmp_path: Path, server: OwnPostgres, redis_url: str, harm: str
) -> None:
    async with connected(server.address) as connection:
        await fill(connection, WIDE, WIDE_ROWS)
    settings = patient(server.address, redis_url, POSTGRES_COMMAND_TIMEOUT="2", POSTGRES_ACQUIRE_TIMEOUT="1")
    async with serving(tmp_path / "data", **settings) as service:
        async with exporting(service, f"{METRICS}?format=ndjson", X_Request_ID="harmed") as body:
            lines = body.lines()
            counts = [json.loads(await anext(lines))["chat_count"] for _ in range(100)]
            if harm == "killed":
                async with server.killed():
                    with pytest.raises(httpx.RemoteProtocolError):
                        await read_on(lines, counts)
                    broken = await service.logged(event="export_broken_off", request_id="harmed")
                    assert broken["code"] == "database_unavailable"
                assert 100 < len(counts) < WIDE_ROWS
            else:
                await server.restart()
                await read_on(lines, counts)
                assert len(counts) == WIDE_ROWS
        assert counts == list(range(WIDE_ROWS, WIDE_ROWS - len(counts), -1))
        events = [json.loads(line)["event"] for line in service.log]
        assert events.count("export_broken_off") == (harm == "killed")
        assert "http_request_failed" not in events
        assert not any("ASGI" in event for event in events)


async def test_an_export_and_going_on_live_from_its_position_miss_nothing(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    await fill(writer, WIDE, WIDE_ROWS)
    held: dict[str, int] = {}
    async with serving(tmp_path / "data", **patient(database, redis_url)) as service:
        async with exporting(service, f"{METRICS}?format=ndjson") as body:
            position = body.answer.headers["Telemetra-Position"]
            lines = body.lines()
            row = json.loads(await anext(lines))
            held[row["window_start"]] = row["chat_count"]
            # New ones, rewritten ones and removed ones, of those that were told and those that were not; while nobody reads.
            await writer.execute(WIDE, STREAM, WIDE_ROWS + 1, WIDE_ROWS + 50)
            await writer.execute("update chat_summary_minute set chat_count = 7 where chat_count % 500 = 0")
            await writer.execute("delete from chat_summary_minute where chat_count % 500 = 1")
            async for line in lines:
                row = json.loads(line)
                held[row["window_start"]] = row["chat_count"]
        wanted = {
            f"{row['window_start'].isoformat()}Z": row["chat_count"]
            for row in await writer.fetch("select window_start, chat_count from chat_summary_minute")
        }
        assert held != wanted
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            websockets.connect(f"{service.live_url}/{STREAM}?since={position}", max_size=None) as socket,
        ):
            assert json.loads(await socket.recv())["resumed"] is True
            while held != wanted:
                message = json.loads(await socket.recv())
                if message["type"] == "metrics":
                    held[message["data"]["window_start"]] = message["data"]["chat_count"]
                elif message["type"] == "removed":
                    held.pop(message["data"]["window"]["window_start"], None)


@pytest.mark.parametrize("reads_on", [True, False], ids=["one that reads", "one that does not"])
async def test_a_service_that_is_told_to_go_ends_in_time_and_no_part_passes_for_the_whole(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection, *, reads_on: bool
) -> None:
    await fill(writer, WIDE, WIDE_ROWS)
    async with (
        serving(tmp_path / "data", **patient(database, redis_url)) as service,
        exporting(service, f"{METRICS}?format=ndjson") as body,
    ):
        lines, counts = body.lines(), list[int]()
        await anext(lines)
        ending = asyncio.create_task(service.end())
        if reads_on:
            await read_on(lines, counts)
            assert len(counts) == WIDE_ROWS - 1
            assert await ending == 0
        else:
            assert await asyncio.wait_for(ending, END_SECONDS) == 0
            with pytest.raises(httpx.TransportError):
                await read_on(lines, counts)
