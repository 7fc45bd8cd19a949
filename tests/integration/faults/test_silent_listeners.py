"""Listeners that went without a word, and one that never reads, at a service of real processes."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from telemetra.adapters.postgres import PostgresAddress
from tests.contract.proxy import Proxy
from tests.databases import connected
from tests.e2e.reading import PATIENCE_SECONDS, listening, patient
from tests.e2e.service import Service, serving
from tests.e2e.test_live import HANDSHAKE, port_of
from tests.integration.faults.asking import STREAM, until

HEARTBEAT_SECONDS = 2.0
STALL_SECONDS = 2.0
MESSAGES = 200
MESSAGE_BYTES = 100_000
INSERT_WIDE = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, top_emotes)
    select $1, t, t + interval '1 minute', $2, array[repeat('x', $3)]
    from (select timestamp '2026-01-01' + $2 * interval '1 minute' as t) s
"""


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database) as connection:
        await connection.execute("insert into streams (stream_id) values ($1)", STREAM)
        yield connection


def closings(service: Service) -> list[int]:
    """Return the codes of the listeners that the service has let go of."""
    lines = map(json.loads, service.log)
    return [line["code"] for line in lines if line["event"] == "live_listener_closed"]


@asynccontextmanager
async def shaken_hands(port: int, *, buffer_bytes: int | None = None) -> AsyncIterator[socket.socket]:
    """Connect a client that shakes hands, and reads nothing after the first few bytes."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        if buffer_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        client.setblocking(False)  # noqa: FBT003  (that is how it is called)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, HANDSHAKE)
            assert b"101" in await loop.sock_recv(client, 16)
        yield client


async def test_listeners_whose_connection_is_half_open_are_let_go_within_two_heartbeats(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    settings = patient(database, redis_url, LIVE_HEARTBEAT=str(HEARTBEAT_SECONDS))
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(serving(tmp_path / "data", **settings))
        way = await stack.enter_async_context(Proxy("127.0.0.1", port_of(service)))
        # The service's own port, but by the way on which the connections will be half open.
        far = Service(service.process, f"http://127.0.0.1:{way.port}", service.log, asyncio.Event())
        for _ in range(20):
            await stack.enter_async_context(listening(far, STREAM))
        near = await stack.enter_async_context(listening(service, STREAM))
        # Long enough for each to have answered pings.
        await near.receive("heartbeat")
        await near.receive("heartbeat")
        assert closings(service) == []
        way.freeze()
        frozen_at = time.monotonic()

        async def are_let_go() -> bool:
            return len(closings(service)) == 20

        await until(are_let_go)
        assert time.monotonic() - frozen_at < 2 * HEARTBEAT_SECONDS + 0.5
        await near.receive("heartbeat")
        assert len(closings(service)) == 20
        # Those that are cut off say good-bye to nobody.
        await way.cut()


async def test_a_listener_that_never_reads_is_closed_as_too_slow_while_others_are_told_everything(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    settings = patient(database, redis_url, LIVE_STALL_TIMEOUT=str(STALL_SECONDS))
    async with (
        serving(tmp_path / "data", **settings) as service,
        listening(service, STREAM) as ear,
        shaken_hands(port_of(service), buffer_bytes=4096) as deaf,
    ):
        process = psutil.Process(service.process.pid)
        # What a first large message takes is not the stalled one's.
        await writer.execute(INSERT_WIDE, STREAM, 0, MESSAGE_BYTES)
        await ear.until_told(0)
        before = most = process.memory_info().rss
        ending: asyncio.Task[bytes] | None = None
        for number in range(1, MESSAGES + 1):
            await writer.execute(INSERT_WIDE, STREAM, number, MESSAGE_BYTES)
            await ear.until_told(number)
            most = max(most, process.memory_info().rss)
            if ending is None and closings(service):
                ending = asyncio.create_task(read_to_the_end(deaf))
        assert closings(service) == [4408]
        assert ear.counts == list(range(MESSAGES + 1))
        # All that it was to read is twenty megabytes.
        assert most - before < MESSAGES * MESSAGE_BYTES / 4
        # Looking again in time, it is told why, and when to come back.
        assert ending is not None
        assert b"reconnect_after_ms=" in await ending


async def read_to_the_end(client: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    received = bytearray()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while some := await loop.sock_recv(client, 1 << 20):
            received += some
    return bytes(received[-200:])
