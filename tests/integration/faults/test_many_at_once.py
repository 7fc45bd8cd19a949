"""A thousand who ask the same at the same moment: one statement a process, and the same answer to all."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from tests.databases import connected
from tests.e2e.reading import patient, stored
from tests.e2e.service import Service, serving
from tests.e2e.test_live import INSERT, port_of
from tests.integration.faults.asking import PATIENCE_SECONDS, STREAM, a_question, holding
from tests.own_postgres import OwnPostgres

ASKING = 1_000
KNOWING_SECONDS = 0.8
"""A process that heard nothing for a second, since the relay is held up too, no longer lets one reading do for all."""


class Crowd:
    """Clients with a connection each, that all ask one thing at once."""

    def __init__(self, streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
        self._streams = streams

    def ask(self, path: str) -> None:
        for _, writer in self._streams:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    async def answers(self) -> list[bytes]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asyncio.gather(*(self._answer(reader) for reader, _ in self._streams))

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200 "), head
        _, _, after = head.partition(b"content-length: ")
        return await reader.readexactly(int(after.split(b"\r\n")[0]))


async def a_crowd(stack: AsyncExitStack, service: Service, size: int) -> Crowd:
    streams = []
    for _ in range(size):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(service))
        stack.callback(writer.transport.abort)
        streams.append((reader, writer))
    return Crowd(streams)


@pytest.fixture
async def writer(server: OwnPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A stranger's connection to a stream of twenty windows, in a server that writes down every statement."""
    async with connected(server.address) as connection:
        await connection.execute("insert into streams (stream_id) values ($1)", STREAM)
        await connection.execute(INSERT, STREAM, 1, 20)
        await connection.execute(f"alter database {server.address.database} set log_statement = 'all'")
        yield connection


async def statements_that_ask(writer: asyncpg.Connection, question: str) -> int:
    """Return how many statements the server has run for this question, which names an instant of its own."""
    cluster = Path(await writer.fetchval("show data_directory"))
    (instant,) = parse_qs(urlsplit(question).query)["end_time"]
    parameter = f"'{instant.replace('T', ' ').removesuffix('Z').rstrip('0')}'"
    log = (cluster.parents[1] / "postgres.log").read_text()
    return sum(parameter in line for line in log.splitlines() if "arameters: " in line)


async def test_a_thousand_misses_at_once_are_one_statement_a_process(
    tmp_path: Path, server: OwnPostgres, redis_url: str, writer: asyncpg.Connection
) -> None:
    async with AsyncExitStack() as stack:
        crowds = []
        for _ in range(2):
            service = await stack.enter_async_context(
                serving(tmp_path / "data", **patient(server.address, redis_url))
            )
            crowds.append(await a_crowd(stack, service, ASKING // 2))
        windows = [number for _, number in await stored(writer, STREAM, limit=5)]
        for _ in range(10):
            question = a_question()
            async with holding(server.address) as hold:
                began = time.monotonic()
                for crowd in crowds:
                    crowd.ask(question)
                await hold.until_wait(1)
                await asyncio.sleep(0.3)
                waited = await hold.waiting()
                await hold.end()
                held = time.monotonic() - began
            bodies = {body for crowd in crowds for body in await crowd.answers()}
            assert {tuple(window["chat_count"] for window in json.loads(body)) for body in bodies} == {
                tuple(windows)
            }
            if held < KNOWING_SECONDS:
                break
        assert held < KNOWING_SECONDS
        assert 1 <= waited <= len(crowds)
        assert 1 <= await statements_that_ask(writer, question) <= len(crowds)
