"""What the server's own connection class makes of requests that can't be read, or have no end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import pytest
from structlog.testing import capture_logs

from telemetra.adapters.memory import MemoryDatabase, memory_ports
from telemetra.domain.ports import Ports
from telemetra.entrypoints.app import create_app
from telemetra.entrypoints.http.connection import HEAD_SECONDS, MAX_HEAD_BYTES, MAX_REQUEST_BYTES
from telemetra.settings import Settings
from tests.api.live_server import PATIENCE_SECONDS, run_server

_HEAD = b"GET /x HTTP/1.1\r\nHost: a\r\n"
_PIECE = b"X-More: " + b"a" * 8_000 + b"\r\n"


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """Answer everything, whatever its body."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


Pair: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def _connected() -> AsyncIterator[Pair]:
    async with (
        run_server(_app) as (port, _),
        asyncio.timeout(PATIENCE_SECONDS + HEAD_SECONDS),
        _connection(port) as pair,
    ):
        yield pair


@asynccontextmanager
async def _connection(port: int) -> AsyncIterator[Pair]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = dict(line.split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers, body


@pytest.mark.parametrize(
    "request_", [b"\0\r\n\r\n", _HEAD + b"No-Colon\r\n\r\n", b"BREW /x HTTP/1.1\r\n\r\n"]
)
async def test_what_is_no_http_is_a_problem_with_a_name(request_: bytes) -> None:
    async with _connected() as (reader, writer):
        writer.write(request_)
        status, headers, body = await _answer(reader)
        assert await reader.read() == b""
    assert status == 400
    assert headers["content-type"] == "application/problem+json"
    problem = json.loads(body)
    assert problem["code"] == "bad_request"
    assert problem["request_id"] == headers["x-request-id"]


async def test_what_was_asked_before_is_answered_and_is_the_last() -> None:
    async with _connected() as (reader, writer):
        writer.write(_HEAD + b"\r\n" + b"\0" * (MAX_HEAD_BYTES + 1))
        status, headers, _ = await _answer(reader)
        assert (status, headers["connection"]) == (200, "close")
        assert await reader.read() == b""


async def test_a_request_line_that_is_too_long_for_the_parser_is_refused_once() -> None:
    async with _connected() as (reader, writer):
        writer.write(b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n")
        assert (await _answer(reader))[0] == 431
        assert await reader.read() == b""


async def test_a_head_without_an_end_is_refused_before_it_has_grown_large() -> None:
    async with _connected() as (reader, writer):
        writer.write(_HEAD)
        sent = 0
        answer = asyncio.create_task(_answer(reader))
        while not answer.done() and sent < 100 * MAX_HEAD_BYTES:
            writer.write(_PIECE)
            sent += len(_PIECE)
            await writer.drain()
            await asyncio.sleep(0)
        status, headers, body = await answer
    assert status == 431
    assert headers["connection"] == "close"
    assert json.loads(body)["code"] == "request_header_fields_too_large"
    assert sent < 100 * MAX_HEAD_BYTES


async def test_a_head_that_is_only_long_is_read() -> None:
    async with _connected() as (reader, writer):
        # In pieces, and several on one connection: each is counted by itself.
        for _ in range(3):
            writer.write(_HEAD)
            for _ in range(MAX_HEAD_BYTES // len(_PIECE) - 1):
                writer.write(_PIECE)
                await writer.drain()
                await asyncio.sleep(0.001)
            writer.write(b"\r\n")
            assert (await _answer(reader))[0] == 200


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"Content-Length: 99999999\r\n\r\n", b"a" * 8_000),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"a" * 0x1000 + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n", _PIECE),
    ],
    ids=["body", "chunks", "trailers"],
)
async def test_what_follows_an_answered_head_without_end_ends_the_connection(
    head: bytes, piece: bytes
) -> None:
    async with _connected() as (reader, writer):
        writer.write(_HEAD + head)
        assert (await _answer(reader))[0] == 200
        sent = 0
        with suppress(ConnectionError):
            while sent < 100 * MAX_REQUEST_BYTES:
                writer.write(piece)
                sent += len(piece)
                await writer.drain()
    assert MAX_REQUEST_BYTES < sent < 100 * MAX_REQUEST_BYTES


async def test_many_requests_on_one_connection_are_not_one() -> None:
    body = b"a" * 50_000
    async with _connected() as (reader, writer):
        for _ in range(MAX_REQUEST_BYTES // len(body) + 3):
            writer.write(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert (await _answer(reader))[0] == 200


async def _asked(pair: Pair) -> int:
    reader, writer = pair
    writer.write(_HEAD + b"\r\n")
    return (await _answer(reader))[0]


async def test_a_connection_too_many_is_told_so_and_the_next_one_is_served_when_there_is_room() -> None:
    settings = Settings(http_max_connections=2)
    async with (
        run_server(_app, settings) as (port, _),
        asyncio.timeout(PATIENCE_SECONDS),
        _connection(port) as one,
    ):
        async with _connection(port) as other:
            assert (await _asked(one), await _asked(other)) == (200, 200)
            async with _connection(port) as (refused, _):
                status, headers, body = await _answer(refused)
                assert await refused.read() == b""
            assert (status, headers["retry-after"]) == (503, "1")
            assert json.loads(body)["code"] == "too_many_connections"
        while True:
            async with _connection(port) as another:
                # Until the server has noticed that the other is gone.
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    if await _asked(another) == 200:
                        break


@pytest.mark.parametrize(("begun", "status"), [(b"", None), (b"GET /", 408), (_HEAD, 408)])
async def test_who_takes_too_long_over_a_head_is_let_go(begun: bytes, status: int | None) -> None:
    async with _connected() as (reader, writer):
        before = asyncio.get_running_loop().time()
        writer.write(begun)
        if status:
            answered, headers, body = await _answer(reader)
            assert (answered, headers["connection"]) == (status, "close")
            assert json.loads(body)["code"] == "request_timeout"
        assert await reader.read() == b""
        assert asyncio.get_running_loop().time() - before > HEAD_SECONDS - 1


async def test_an_upgrade_that_is_not_known_is_answered_as_if_it_were_not_there() -> None:
    async with _connected() as (reader, writer):
        writer.write(_HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        assert (await _answer(reader))[0] == 200


@pytest.mark.parametrize("rest", [b"a", b"a" * 10])
async def test_who_holds_back_the_rest_of_a_body_is_let_go(rest: bytes) -> None:
    async with _connected() as (reader, writer):
        writer.write(_HEAD + b"Content-Length: 1000000\r\n\r\n")
        assert (await _answer(reader))[0] == 200
        writer.write(rest)
        assert await reader.read() == b""


async def test_a_handshake_with_a_head_that_is_too_large_is_refused_before_it_is_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handshake = (
        _HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + _PIECE * 10 + b"\r\n"
    )
    async with _connected() as (reader, writer):
        writer.write(handshake)
        assert (await _answer(reader))[0] == 431
        assert await reader.read() == b""
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_body_that_came_in_pieces_is_not_counted_to_the_next_head() -> None:
    body = b"a" * (3 * MAX_HEAD_BYTES)
    async with _connected() as (reader, writer):
        for _ in range(3):
            writer.write(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
            assert (await _answer(reader))[0] == 200
            for start in range(0, len(body), 8_000):
                writer.write(body[start : start + 8_000])
                await writer.drain()
                await asyncio.sleep(0)
        writer.write(_HEAD)
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"\r\n")
        assert (await _answer(reader))[0] == 200


@asynccontextmanager
async def _opened() -> AsyncIterator[Ports]:
    yield memory_ports(MemoryDatabase())


async def _numbers(pair: Pair) -> dict[str, float]:
    reader, writer = pair
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    _, _, body = await _answer(reader)
    lines = [line for line in body.decode().splitlines() if line.startswith("telemetra_http_")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def test_connections_are_counted_and_that_there_is_no_room_is_warned_of_once() -> None:
    settings = Settings(http_max_connections=2)
    too_many = 'telemetra_http_refused_total{reason="too_many_connections"}'
    async with (
        run_server(create_app(_opened, settings), settings) as (port, _),
        asyncio.timeout(PATIENCE_SECONDS),
        _connection(port) as one,
    ):
        told = await _numbers(one)
        assert (told["telemetra_http_connections"], told["telemetra_http_max_connections"]) == (1, 2)
        assert told[too_many] == 0
        with capture_logs() as logs:
            async with _connection(port) as other:
                assert (await _numbers(other))["telemetra_http_connections"] == 2
                for _ in range(3):
                    async with _connection(port) as (refused, _):
                        assert (await _answer(refused))[0] == 503
                assert (await _numbers(one))[too_many] == 3
            while (await _numbers(one))["telemetra_http_connections"] > 1:
                pass
        async with _connection(port) as (reader, writer):
            writer.write(b"nonsense\r\n\r\n")
            assert (await _answer(reader))[0] == 400
        assert (await _numbers(one))['telemetra_http_refused_total{reason="bad_request"}'] == 1
    warned = [line for line in logs if line["log_level"] == "warning"]
    assert warned == [{"event": "http_connections_full", "max": 2, "log_level": "warning"}]
    assert [line["open"] for line in logs if line["event"] == "http_connections_free_again"] == [1]
