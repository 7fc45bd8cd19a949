"""Live delivery as users run it: real service processes, the reference client, and faults under way."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from telemetra.adapters.postgres import PostgresAddress
from tests.contract.proxy import Proxy
from tests.databases import connected
from tests.e2e.following import PATIENCE_SECONDS, following
from tests.e2e.reading import listening
from tests.e2e.service import Service, external, run_telemetra, serving

STREAM = "lofi"
GRACE_SECONDS = 10.0
"""What a service may take to end, whatever its listeners do."""
INSERT = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count)
    select $1, t, t + interval '1 minute', n
    from generate_series($2::int, $3::int) n, lateral (select timestamp '2026-01-01' + n * interval '1 minute' as t) s
"""
LEADER = """
    select a.client_port from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and a.datname = current_database()
"""
HANDSHAKE = (
    f"GET /ws/live/{STREAM} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
).encode()


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    """A stranger's connection, and a stream."""
    async with connected(database) as connection:
        await connection.execute("insert into streams (stream_id) values ($1)", STREAM)
        yield connection


async def insert(
    writer: asyncpg.Connection, first: int, last: int | None = None, *, stream: str = STREAM
) -> None:
    """Store windows that count from `first` to `last`, in one transaction."""
    await writer.execute(INSERT, stream, first, first if last is None else last)


def port_of(service: Service) -> int:
    port = urlsplit(service.url).port
    assert port
    return port


async def test_the_reference_client_goes_through_a_kill_and_a_restart(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    settings = external(database, redis_url)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(serving(tmp_path / "data", **settings))
        follower = await stack.enter_async_context(following(tmp_path, service.url, STREAM))
        await insert(writer, 1, 20)
        await follower.until_told(20)
        for number, end in enumerate((signal.SIGKILL, signal.SIGTERM), start=1):
            await service.end(end)
            # Told by nobody while it happens; the middle of a step too, since the client may stop anywhere in it.
            await insert(writer, 100 * number, 100 * number + 30)
            again = serving(tmp_path / "data", "--port", str(port_of(service)), **settings)
            service = await stack.enter_async_context(again)
            await follower.until_told(100 * number + 30)
            await insert(writer, 100 * number + 50)
            await follower.until_told(100 * number + 50)
    assert Counter(follower.counts) == Counter([*range(1, 21), *range(100, 131), 150, *range(200, 231), 250])
    assert follower.resumed[0] is False
    assert set(follower.resumed[1:]) == {True}


@asynccontextmanager
async def two_services(
    home: Path, one: PostgresAddress, other: PostgresAddress, redis_url: str
) -> AsyncIterator[list[Service]]:
    async with (
        serving(home / "data", **external(one, redis_url)) as first,
        serving(home / "data", **external(other, redis_url)) as second,
    ):
        yield [first, second]


async def test_two_processes_deliver_the_same(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    async with (
        two_services(tmp_path, database, database, redis_url) as services,
        following(tmp_path, services[0].url, STREAM) as one,
        following(tmp_path, services[1].url, STREAM) as two,
    ):
        for number in range(0, 200, 4):
            await insert(writer, number, number + 3)
            await writer.execute(
                "update chat_summary_minute set unique_chatters = $1 where chat_count = 0", number
            )
        # The window that was rewritten all the while comes in its newest form, before what was written after it.
        await insert(writer, 200)
        for follower in (one, two):
            await follower.until_told(200)
            assert set(follower.counts) == set(range(201))
            assert set(Counter(follower.changes).values()) == {1}
        # A process that leads knows of each step at once; the other hears of it over the bus, under the same labels.
        positions = [
            {m["position"] for m in follower.told if m["type"] == "metrics"} for follower in (one, two)
        ]
        assert positions[0] & positions[1]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", ["killed", "stopped", "cut off"])
async def test_the_end_of_the_leader_costs_no_update(
    fault: str, tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(Proxy(database.host, database.port)) for _ in range(2)]
        addresses = [replace(database, port=proxy.port) for proxy in proxies]
        services = await stack.enter_async_context(
            two_services(tmp_path, addresses[0], addresses[1], redis_url)
        )
        followers = [
            await stack.enter_async_context(following(tmp_path, service.url, STREAM)) for service in services
        ]
        await insert(writer, 1)
        for follower in followers:
            await follower.until_told(1)
        leading = await leader_behind(proxies, writer)
        heard = followers[1 - leading]
        if fault == "killed":
            await services[leading].end(signal.SIGKILL)
        elif fault == "stopped":
            services[leading].process.send_signal(signal.SIGSTOP)
        else:
            proxies[leading].freeze(new_ones_too=True)
        for number in range(2, 60):
            await insert(writer, number)
        await heard.until_told(59)
        assert await leader_behind([proxies[1 - leading]], writer) == 0
        if fault == "stopped":
            services[leading].process.send_signal(signal.SIGCONT)
        elif fault == "cut off":
            proxies[leading].thaw()
        await insert(writer, 60)
        if fault == "killed":
            # Whoever listened to it goes on at the other, from its last position.
            orphan, last = followers[leading], followers[leading].told[-1]["position"]
            url = services[1 - leading].url
            again = await stack.enter_async_context(following(tmp_path, url, STREAM, "--since", last))
            await again.until_told(60)
            assert again.resumed == [True]
            assert Counter(orphan.counts + again.counts) == Counter(range(1, 61))
        for follower in followers if fault != "killed" else [heard]:
            await follower.until_told(60)
            assert Counter(follower.counts) == Counter(range(1, 61))
            assert set(follower.resumed[1:]) <= {True}


async def leader_behind(proxies: list[Proxy], writer: asyncpg.Connection) -> int:
    """Return behind which of these the leader is, when one is."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            client_port = await writer.fetchval(LEADER)
            for number, proxy in enumerate(proxies):
                if client_port in proxy.server_ports:
                    return number
            await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
async def test_a_stop_sends_a_thousand_listeners_away_in_time(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    settings = external(database, redis_url)
    async with AsyncExitStack() as stack:
        await writer.execute("insert into streams (stream_id) values ('stalled')")
        service = await stack.enter_async_context(serving(tmp_path / "data", **settings))
        sockets = []
        for _ in range(20):
            opening = (
                websockets.connect(
                    f"{service.live_url}/{STREAM}", compression=None, ping_interval=None, open_timeout=60
                )
                for _ in range(50)
            )
            sockets += await asyncio.gather(
                *(stack.enter_async_context(connection) for connection in opening)
            )
        for _ in range(5):
            stalled = await stack.enter_async_context(
                websockets.connect(f"{service.live_url}/stalled", compression=None, ping_interval=None)
            )
            stalled.transport.pause_reading()
            stack.callback(stalled.transport.abort)
        await writer.execute(
            "insert into chat_summary_minute (stream_id, window_start, window_end, top_emotes) "
            "select 'stalled', t, t + interval '1 minute', array[repeat('x', 100000)] "
            "from generate_series(timestamp '2026-01-01', timestamp '2026-01-01 00:30', interval '1 minute') t"
        )
        endings_to_come = [asyncio.create_task(ending_of(connection)) for connection in sockets]
        told_to_end_at = time.monotonic()
        assert await service.end() == 0
        assert time.monotonic() - told_to_end_at < GRACE_SECONDS
        endings = await asyncio.gather(*endings_to_come)
    assert {code for code, _ in endings} == {1012}
    advice = [
        int(found[1])
        for _, reason in endings
        if (found := re.fullmatch(r"reconnect_after_ms=(\d+)", reason or ""))
    ]
    assert len(advice) == len(endings)
    # Spread over the whole window, and not in one heap.
    assert max(advice) - min(advice) > 2_000
    assert max(Counter(moment // 500 for moment in advice).values()) < len(advice) / 3


async def ending_of(connection: websockets.ClientConnection) -> tuple[int | None, str | None]:
    """Read until the server closes; return with which code and reason."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with suppress(ConnectionClosed):
            while True:
                await connection.recv()
    return connection.close_code, connection.close_reason


@pytest.mark.slow_fault
@pytest.mark.timeout(300)
async def test_a_burst_of_a_million_rows_reaches_who_watches_and_disturbs_nobody(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    rows = 1_000_000
    async with (
        connected(database) as loader,
        serving(tmp_path / "data", **external(database, redis_url)) as service,
        following(tmp_path, service.url, STREAM) as watching,
    ):
        process = psutil.Process(service.process.pid)
        before = process.memory_info().rss
        await writer.execute("insert into streams (stream_id) values ('other')")
        loading = asyncio.create_task(loader.execute(INSERT, STREAM, 1, rows, timeout=120))
        most, waits = before, list[float]()
        async with listening(service, "other") as other, asyncio.timeout(240):
            while rows not in watching.counts[-1:]:
                began = time.monotonic()
                await insert(writer, len(waits), stream="other")
                await other.until_told(len(waits))
                waits.append(time.monotonic() - began)
                most = max(most, process.memory_info().rss)
                await asyncio.sleep(0.2)
        await loading
        assert watching.counts == list(range(1, rows + 1))
        assert other.counts == list(range(len(waits)))
        # A listener of another stream hardly waits longer than for the interval; some wait for the machine's two cores.
        assert statistics.quantiles(waits, n=20)[-1] < 1.0
        # The rows are 600 MB as messages; pages go through one after the other.
        assert most - before < 100 * 1024 * 1024


async def test_writers_in_two_phases_and_replication_s_apply_are_heard(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    async with (
        serving(tmp_path / "data", **external(database, redis_url)) as service,
        following(tmp_path, service.url, STREAM) as follower,
    ):
        await writer.execute("begin")
        await insert(writer, 1)
        await writer.execute("prepare transaction 'telemetra-e2e'")
        await insert(writer, 2)
        await follower.until_told(2)
        assert follower.counts == [2]
        await writer.execute("commit prepared 'telemetra-e2e'")
        await follower.until_told(1)
        await writer.execute("set session_replication_role = replica")
        await insert(writer, 3)
        await follower.until_told(3)
        await writer.execute("delete from chat_summary_minute where chat_count = 3")
        await follower.until(lambda: any(message["type"] == "removed" for message in follower.told))
    assert follower.counts == [2, 1, 3]


async def test_a_renewed_epoch_is_told_to_who_listens_and_to_who_comes_back(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    settings = external(database, redis_url)
    async with serving(tmp_path / "data", **settings) as service:
        async with following(tmp_path, service.url, STREAM) as follower:
            await insert(writer, 1)
            await follower.until_told(1)
            before = follower.told[-1]["position"]
            code, out, _ = await run_telemetra(tmp_path / "data", "epoch", "renew", **settings)
            assert code == 0
            assert out.startswith("A new epoch has begun")
            await follower.until(lambda: len(follower.resumed) == 2)
            await insert(writer, 2)
            await follower.until_told(2)
        assert follower.resumed == [False, False]
        async with following(tmp_path, service.url, STREAM, "--since", before) as returned:
            await returned.until(lambda: any(message["type"] == "snapshot" for message in returned.told))
        assert returned.resumed == [False]


def proportional_kilobytes(pid: int) -> int:
    """Return what a process holds of memory, its share of what is shared included."""
    found = re.search(r"^Pss:\s+(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells how much memory is whose")
async def test_an_idle_listener_costs_little_memory(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    """`bench/live` holds ten thousand to 24 KB each; here a thousand have some room for chance."""
    settings = external(database, redis_url)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(serving(tmp_path / "data", **settings))
        await _open(stack, service, 200)
        before = proportional_kilobytes(service.process.pid)
        await _open(stack, service, 1_000)
        assert proportional_kilobytes(service.process.pid) - before < 32 * 1_000


async def _open(stack: AsyncExitStack, service: Service, listeners: int) -> None:
    """Have so many listeners that were told everything and say nothing."""
    loop = asyncio.get_running_loop()
    for _ in range(listeners):
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(service))))
        client.setblocking(False)  # noqa: FBT003  (that is how it is called)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await loop.sock_sendall(client, HANDSHAKE)
            while b'"type":"snapshot"' not in await loop.sock_recv(client, 65_536):
                pass
