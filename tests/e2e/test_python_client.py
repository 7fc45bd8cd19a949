"""The Python clients as their users run them: against a real service, while that, the network and they themselves fail."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random

import asyncpg
import pytest

from telemetra.adapters.postgres import PostgresAddress
from telemetra.client import (
    ConnectedMessage,
    ConnectionLost,
    LiveUpdate,
    MetricsMessage,
    ServiceUnreachable,
    SnapshotMessage,
    StreamMessage,
    StreamNotFound,
)
from tests.contract.proxy import Proxy
from tests.databases import connected
from tests.e2e.reading import stored
from tests.e2e.service import environment, external, serving
from tests.e2e.test_live import insert, port_of
from tests.python_clients import CONNECTS, Connect, Following, Reader

STREAM = "lofi"
PATIENCE_SECONDS = 60.0
README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(params=CONNECTS)
def connect(request: pytest.FixtureRequest) -> Connect:
    return CONNECTS[request.param]


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    """A stranger's connection, and a stream."""
    async with connected(database) as connection:
        await connection.execute("insert into streams (stream_id) values ($1)", STREAM)
        yield connection


# Reads


async def test_thousands_of_rows_are_read_once_while_more_are_written(
    connect: Connect, tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    await insert(writer, 1, 5_300)
    there = await stored(writer, STREAM)
    async with (
        serving(tmp_path / "data", **external(database, redis_url)) as service,
        connect(service.url) as reader,
    ):
        rows = reader.rows("metrics", STREAM)
        read = await rows.some(10)
        # Newer than all: pages that count would move by these.
        await insert(writer, 10_000, 10_500)
        read += await rows.rest()
        assert [(row.id, row.chat_count) for row in read] == there
        live = reader.live(STREAM, since=rows.position)
        told = [await soon(live) for _ in range(502)]
    assert isinstance(told[0], ConnectedMessage)
    assert told[0].resumed
    counts = [update.data.chat_count for update in told if isinstance(update, MetricsMessage)]
    assert counts == list(range(10_000, 10_501))


async def test_a_listing_outlasts_a_restart_of_the_service(
    connect: Connect, tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    await insert(writer, 1, 3_000)
    settings = external(database, redis_url)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(serving(tmp_path / "data", **settings))
        reader = await stack.enter_async_context(connect(service.url))
        rows = reader.rows("metrics", STREAM)
        read = await rows.some(1_000)
        await service.end(signal.SIGKILL)
        with pytest.raises(ServiceUnreachable):
            await rows.some(1)
        await stack.enter_async_context(
            serving(tmp_path / "data", "--port", str(port_of(service)), **settings)
        )
        read += await rows.rest()
    assert [row.chat_count for row in read] == list(range(3_000, 0, -1))


async def test_an_unknown_stream_is_told_by_reads_and_by_the_socket(
    connect: Connect, tmp_path: Path, database: PostgresAddress, redis_url: str
) -> None:
    async with (
        serving(tmp_path / "data", **external(database, redis_url)) as service,
        connect(service.url) as reader,
    ):
        for asking in (
            reader.stream("nope"),
            reader.rows("metrics", "nope").rest(),
            soon(reader.live("nope")),
        ):
            with pytest.raises(StreamNotFound, match="There is no stream 'nope'"):
                await asking


# Following


async def soon(live: Following) -> LiveUpdate:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await live.next()


@dataclass
class Figures:
    """What happened to a follower on its way."""

    told: int = 0
    cut: int = 0
    began_anew: int = 0
    lost: int = 0
    doubled: int = 0
    resets: int = 0
    ends: int = 0
    """Connections that ended otherwise than by a cut of the follower's own."""


class Follower:
    """
    One that follows a stream through cuts at random: of its network, and of itself, as a program that is started again.

    It keeps what it holds of each window, and counts what it was told twice.
    """

    def __init__(self, reader: Reader, proxy: Proxy, *, seed: int) -> None:
        self.figures = Figures()
        self._reader = reader
        self._proxy = proxy
        self._random = Random(seed)  # noqa: S311  (test data)
        self._position: str | None = None
        self._held: dict[datetime, int] = {}
        self.stands = asyncio.Event()
        self._cut_again = asyncio.Event()

    async def follow(self, cuts: int) -> None:
        """Follow until the stream's title says that it is the end."""
        while True:
            live = self._reader.live(STREAM, since=self._position, on_lost=self._note)
            while self.cuts < cuts:
                for _ in range(self._random.randint(1, 25)):
                    self._take(await soon(live))
                starts_again = self._random.random() < 0.3
                self.figures.began_anew += starts_again
                self.figures.cut += not starts_again
                self._cut_again.set()
                if starts_again:
                    break
                await self._cut_off(live)
            else:
                while not self._take(await soon(live)):
                    pass
                return
            await live.close()

    async def _cut_off(self, live: Following) -> None:
        """Cut the network, and take what had come over it until the follower notices."""
        ends = self.figures.ends
        await self._proxy.cut()
        await self._proxy.restore()
        while self.figures.ends == ends:
            self._take(await soon(live))

    @property
    def cuts(self) -> int:
        """How often it was cut so far."""
        return self.figures.cut + self.figures.began_anew

    async def until_cut(self, cuts: int) -> None:
        """Wait until it was cut so often."""
        while self.cuts < cuts:
            self._cut_again.clear()
            await self._cut_again.wait()

    def compare(self, rows: list[asyncpg.Record]) -> None:
        """Count what is held otherwise than stored."""
        there = {row["window_start"].replace(tzinfo=UTC): row["unique_chatters"] for row in rows}
        self.figures.lost = sum(self._held.get(start) != version for start, version in there.items())
        assert self._held.keys() <= there.keys()

    def _take(self, update: LiveUpdate) -> bool:
        self.figures.told += 1
        match update:
            case ConnectedMessage(resumed=resumed):
                self.figures.resets += self.stands.is_set() and not resumed
            case SnapshotMessage(metrics=metrics):
                self._held = {window.window_start: window.unique_chatters for window in metrics}
                self.stands.set()
            case MetricsMessage(data=window):
                self.figures.doubled += self._held.get(window.window_start, 0) >= window.unique_chatters
                self._held[window.window_start] = window.unique_chatters
            case StreamMessage(data=stream):
                return stream.title == "the end"
        self._position = update.position
        return False

    def _note(self, _lost: ConnectionLost) -> None:
        self.figures.ends += 1


PUT = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters)
    select $1, t, t + interval '1 minute', 1, nextval('versions')
    from unnest($2::int[]) n, lateral (select timestamp '2026-01-01' + n * interval '1 minute' as t) s
    on conflict (stream_id, window_start, window_end) do update set unique_chatters = nextval('versions')
"""


class Writers:
    """Several that write the same windows and new ones, in transactions of which some are rolled back."""

    def __init__(self, database: PostgresAddress) -> None:
        self._database = database
        self._fresh = count(1_000)
        self._over = asyncio.Event()

    @asynccontextmanager
    async def running(self, number: int = 2) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for seed in range(number):
                group.create_task(self._write(Random(seed)))  # noqa: S311  (test data)
            yield
            self._over.set()

    async def _write(self, random: Random) -> None:
        async with connected(self._database) as connection:
            while not self._over.is_set():
                transaction = connection.transaction()
                await transaction.start()
                # In one order, so that nobody waits in a ring.
                hot = sorted(random.sample(range(40), 2))
                await connection.execute(PUT, STREAM, [*hot, next(self._fresh)])
                await asyncio.sleep(random.uniform(0, 0.04))
                await (transaction.rollback() if random.random() < 0.1 else transaction.commit())


async def test_nothing_is_lost_or_doubled_through_a_hundred_disconnects_and_a_kill(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    await writer.execute("create sequence versions")
    settings = external(database, redis_url) | {"LIVE_HEARTBEAT": "1"}
    followers: dict[str, Follower] = {}
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(serving(tmp_path / "data", **settings))
        for seed, (name, connect) in enumerate(CONNECTS.items()):
            proxy = await stack.enter_async_context(Proxy("127.0.0.1", port_of(service)))
            reader = await stack.enter_async_context(connect(f"http://127.0.0.1:{proxy.port}"))
            followers[name] = Follower(reader, proxy, seed=seed)
        async with asyncio.timeout(3 * PATIENCE_SECONDS), asyncio.TaskGroup() as group:
            for follower in followers.values():
                group.create_task(follower.follow(60))
                await follower.stands.wait()
            async with Writers(database).running():
                for follower in followers.values():
                    await follower.until_cut(30)
                await service.end(signal.SIGKILL)
                await stack.enter_async_context(
                    serving(tmp_path / "data", "--port", str(port_of(service)), **settings)
                )
                for follower in followers.values():
                    await follower.until_cut(60)
            await writer.execute("update streams set title = 'the end' where stream_id = $1", STREAM)
    rows = await writer.fetch("select * from chat_summary_minute where stream_id = $1", STREAM)
    for name, follower in followers.items():
        follower.compare(rows)
        print(f"{name}: {follower.figures} of {len(rows)} windows")  # noqa: T201  (figures, shown by -rP)
        seen = follower.figures
        assert (seen.lost, seen.doubled, seen.resets) == (0, 0, 0)
        assert follower.cuts == 60
        assert seen.ends >= seen.cut


FAT = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, top_emotes)
    select $1, t, t + interval '1 minute', n, array_fill(repeat('x', 1000), array[10])
    from generate_series($2::int, $3::int) n, lateral (select timestamp '2026-01-01' + n * interval '1 minute' as t) s
"""


async def test_a_slow_consumer_gets_everything_once_although_it_is_sent_away(
    connect: Connect, tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    lost: list[ConnectionLost] = []
    settings = external(database, redis_url) | {"LIVE_STALL_TIMEOUT": "1", "LIVE_HEARTBEAT": "1"}
    async with serving(tmp_path / "data", **settings) as service, connect(service.url) as reader:
        live = reader.live(STREAM, on_lost=lost.append)
        await soon(live)
        assert isinstance(await soon(live), SnapshotMessage)
        for first in range(0, 1_500, 500):
            await writer.execute(FAT, STREAM, first, first + 499)
        # It takes nothing for so long that the service gives it up.
        await service.logged(event="live_listener_closed", code=4408)
        counts: list[int] = []
        while len(counts) < 1_500:
            update = await soon(live)
            if isinstance(update, MetricsMessage):
                counts.append(update.data.chat_count)
            elif isinstance(update, ConnectedMessage):
                assert update.resumed
    assert counts == list(range(1_500))
    assert len(lost) == 1


async def test_an_address_that_comes_later_is_waited_for(
    connect: Connect, tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    settings = external(database, redis_url)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(serving(tmp_path / "data", **settings))
        await service.end()
        loop, refused = asyncio.get_running_loop(), asyncio.Event()
        lost: list[ConnectionLost] = []

        def note(each: ConnectionLost) -> None:
            lost.append(each)
            loop.call_soon_threadsafe(refused.set)

        reader = await stack.enter_async_context(connect(service.url))
        first = asyncio.create_task(soon(reader.live(STREAM, on_lost=note)))
        await asyncio.wait_for(refused.wait(), PATIENCE_SECONDS)
        await stack.enter_async_context(
            serving(tmp_path / "data", "--port", str(port_of(service)), **settings)
        )
        assert isinstance(await first, ConnectedMessage)
    assert {each.reason for each in lost} == {"Connection refused"}


# The README


def recipes() -> list[str]:
    """Return the Python programs of the README's chapter on clients."""
    chapter = README.read_text().partition("\n## Clients\n")[2].partition("\n## ")[0]
    found: list[str] = re.findall(r"```python\n(.*?)```", chapter, re.DOTALL)
    return found


async def test_the_readme_s_programs_run(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    await writer.execute("insert into streams (stream_id) values ('demo')")
    await insert(writer, 1, 20, stream="demo")
    programs = recipes()
    assert len(programs) == 2
    async with serving(tmp_path / "data", **external(database, redis_url)) as service:
        for number, program in enumerate(programs, start=50):
            assert "http://127.0.0.1:8000" in program
            await _run(tmp_path, program.replace("http://127.0.0.1:8000", service.url), writer, number)


async def _run(home: Path, program: str, writer: asyncpg.Connection, number: int) -> None:
    """Run a program until it has told of a window that is written meanwhile."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", program),
        env=environment(home / "data"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            first = await process.stdout.readline()
            assert first, (await process.stderr.read()).decode()
            await insert(writer, number, stream="demo")
            while line := (await process.stdout.readline()).decode():
                if line.startswith("new") and str(number) in line.split():
                    break
            else:
                pytest.fail((await process.stderr.read()).decode())
    finally:
        process.kill()
        await process.communicate()
