"""Clients that ask for a great deal and read nothing of it: others go on, memory stays bounded, and the service can end."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected
from tests.e2e.reading import PATIENCE_SECONDS, listening, patient, reading, stored
from tests.e2e.service import Service, serving
from tests.e2e.test_live import port_of

STREAM = "wide"
WINDOWS = 1_000
INSERT = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, top_emotes)
    select $1, t, t + interval '1 minute', n, array_fill(repeat('x', 100), array[10])
    from generate_series($2::int, $3::int) n, lateral (select timestamp '2026-01-01' + n * interval '1 minute' as t) s
"""
ANSWER_BYTES = WINDOWS * 1_200
SLOW = 50
PIPELINED = 20
"""So many answers has each slow client asked for: 24 MB, which no buffer on the way takes."""
ASKED_FOR = SLOW * PIPELINED


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    async with connected(database) as connection:
        await connection.execute("insert into streams (stream_id) values ($1)", STREAM)
        await connection.execute(INSERT, STREAM, 1, WINDOWS)
        yield connection


@asynccontextmanager
async def serving_a_few(home: Path, database: PostgresAddress, redis_url: str) -> AsyncIterator[Service]:
    """Serve with fewer connections to the database than there are slow readers."""
    settings = patient(database, redis_url, POSTGRES_POOL_SIZE="3")
    async with serving(home / "data", **settings) as service:
        yield service


def path_of(client: int, answer: int) -> str:
    """Return a question that nobody else asks, so that each answer is one more in memory."""
    number = client * PIPELINED + answer
    return f"/api/v1/streams/{STREAM}/metrics?limit={WINDOWS}&end_time=2026-06-01T00:00:00.{number:06}Z"


async def ask_and_read_nothing(stack: ExitStack, service: Service, client: int) -> socket.socket:
    """Ask for many answers at once, and return when the first begins to come."""
    loop = asyncio.get_running_loop()
    slow = stack.enter_context(socket.socket())
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.setblocking(False)  # noqa: FBT003  (that is how it is called)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await loop.sock_connect(slow, ("127.0.0.1", port_of(service)))
        for answer in range(PIPELINED):
            request = f"GET {path_of(client, answer)} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            await loop.sock_sendall(slow, request.encode())
        begun = b""
        while len(begun) < len(b"HTTP/1.1 200"):
            begun += await loop.sock_recv(slow, len(b"HTTP/1.1 200") - len(begun))
    assert begun == b"HTTP/1.1 200"
    return slow


async def have_slow_readers(stack: ExitStack, service: Service, clients: int) -> list[socket.socket]:
    return await asyncio.gather(*(ask_and_read_nothing(stack, service, client) for client in range(clients)))


async def read_on(slow: socket.socket) -> list[list[tuple[int, int]]]:
    """Read all answers to their ends, after the first few bytes."""
    reader, writer = await asyncio.open_connection(sock=slow)
    answers = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(PIPELINED):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, _, after = head.partition(b"content-length: ")
            body = await reader.readexactly(int(after.split(b"\r\n")[0]))
            answers.append([(window["id"], window["chat_count"]) for window in json.loads(body)])
    writer.close()
    return answers


async def test_slow_readers_disturb_nobody_and_cost_little_until_they_read_on(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    async with (
        serving_a_few(tmp_path, database, redis_url) as service,
        reading(service) as reader,
        listening(service, STREAM) as ear,
    ):
        windows = await stored(writer, STREAM)
        assert await reader.rows(path_of(SLOW, 0)) == windows
        process = psutil.Process(service.process.pid)
        before = process.memory_info().rss
        with ExitStack() as stack:
            slow = await have_slow_readers(stack, service, SLOW)
            assert await reader.rows(path_of(0, 0)) == windows
            assert await reader.rows(path_of(SLOW, 1)) == windows
            for number in range(WINDOWS + 1, WINDOWS + 11):
                await writer.execute(INSERT, STREAM, number, number)
                await ear.until_told(number)
                hundred = await stored(writer, STREAM, limit=100)
                assert await reader.rows(f"/api/v1/streams/{STREAM}/metrics") == hundred
            # What somebody has asked for who does not take it is no longer kept: others are not let wait for him.
            newest = await stored(writer, STREAM, limit=WINDOWS)
            for answer in range(PIPELINED):
                assert await reader.rows(path_of(0, answer)) == newest
            grown = process.memory_info().rss - before
            # Of a client's answers one is on its way and one waits behind it; the others are not yet read.
            assert sum('"http_request"' in line for line in service.log) < ASKED_FOR / 2
            assert grown < ASKED_FOR * ANSWER_BYTES / 4
            answers = await read_on(slow[0])
            assert answers[0] == windows
            assert answers[-1] == newest


async def test_a_service_ends_in_time_though_clients_do_not_read(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> None:
    async with serving_a_few(tmp_path, database, redis_url) as service:
        with ExitStack() as stack:
            await have_slow_readers(stack, service, 5)
            assert await service.end() == 0
