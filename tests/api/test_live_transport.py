"""What a listener has of the server's own connection class, and a server of the application's."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import socket
from contextlib import AsyncExitStack

import psutil
import pytest
from structlog.testing import capture_logs
from websockets.frames import Frame, Opcode

from telemetra.adapters.memory import MemoryDatabase
from telemetra.entrypoints.live.protocol import CloseCode
from tests.api.live_server import PATIENCE_SECONDS, LiveServer, serve
from tests.contract.samples import a_stream, a_window


@pytest.fixture
def database() -> MemoryDatabase:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
    return database


def _flood(database: MemoryDatabase, *minutes: int) -> None:
    """Commit windows of 30 KB, each in a transaction of its own."""
    for minute in minutes:
        with database.begin() as transaction:
            transaction.put_window(a_window(minute, top_emotes=["x" * 30_000], chat_count=minute))


async def _read_to_the_end(client: socket.socket) -> bytes:
    """Read until the server closes."""
    loop = asyncio.get_running_loop()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    received = bytearray()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while some := await loop.sock_recv(client, 1 << 20):
            received += some
    return bytes(received)


async def test_a_server_that_stops_gives_each_listener_its_own_time_to_come_back(
    database: MemoryDatabase,
) -> None:
    async with serve(database) as server, AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(server.listen()) for _ in range(8)]
        for listener in listeners:
            await listener.take(2)
        server.stop()
        endings = [await listener.end() for listener in listeners]
    assert {code for code, _, _ in endings} == {CloseCode.RESTART}
    assert {messages[-1]["code"] for _, _, messages in endings} == {"server_restarting"}
    advice = [re.fullmatch(r"reconnect_after_ms=(\d+)", reason) for _, reason, _ in endings]
    assert all(advice)
    assert len({found[1] for found in advice if found}) > 1


async def test_a_client_that_reads_nothing_does_not_hold_up_the_end(database: MemoryDatabase) -> None:
    with capture_logs() as logs:
        async with serve(database) as server, server.deaf():
            await server.until(lambda: server.hub.listeners == 1)
            for round_ in range(20):
                _flood(database, round_)
                await server.until(lambda: server.hub.position == database.position())
            server.stop()
            await server.until(lambda: server.hub.listeners == 0)
    (line,) = [line for line in logs if line["event"] == "live_listener_closed"]
    assert line["code"] == CloseCode.RESTART


async def test_a_laggard_gets_everything_in_order_when_it_reads_again(database: MemoryDatabase) -> None:
    async with serve(database) as server, server.deaf() as client:
        await server.until(lambda: server.hub.listeners == 1)
        # More than the kernel and the server hold for it, and more than the log keeps.
        for minute in range(100):
            _flood(database, minute)
            await server.until(lambda: server.hub.position == database.position())
        loop = asyncio.get_running_loop()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received = bytearray()
        async with asyncio.timeout(3 * PATIENCE_SECONDS):
            while b'"chat_count":99,' not in received:
                received += await loop.sock_recv(client, 1 << 20)
    counts = [int(found) for found in re.findall(rb'"chat_count":(\d+),', bytes(received))]
    assert counts == list(range(100))


async def test_a_stalled_client_that_looks_again_reads_why_it_was_closed(database: MemoryDatabase) -> None:
    async with serve(database, live_stall_timeout=0.2) as server, server.deaf() as client:
        await server.until(lambda: server.hub.listeners == 1)
        for minute in range(20):
            _flood(database, minute)
            await server.until(lambda: server.hub.position == database.position())
        await server.until(lambda: server.hub.listeners == 0)
        received = await _read_to_the_end(client)
    assert b'"code":"too_slow"' in received
    frame = received[received.rindex(bytes((0x88,))) :]
    assert int.from_bytes(frame[2:4], "big") == CloseCode.TOO_SLOW
    assert frame[4:].startswith(b"reconnect_after_ms=")


async def test_a_peer_that_answers_no_ping_is_dropped(database: MemoryDatabase) -> None:
    """Half open: the connection stands, and nobody is at its other end."""
    with capture_logs() as logs:
        async with serve(database, live_heartbeat=0.2) as server, server.deaf():
            await server.until(lambda: server.hub.listeners == 1)
            await server.until(lambda: server.hub.listeners == 0)
            assert server.hub.channels == 0
    assert [line["event"] for line in logs] == ["live_listener_closed"]


async def test_a_peer_that_answers_pings_stays(database: MemoryDatabase) -> None:
    async with serve(database, live_heartbeat=0.5) as server, server.listen() as listener:
        await listener.take(2 + 6)
        assert server.hub.listeners == 1


HANDSHAKE = (
    b"GET /ws/live/lofi HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
BAD_TEXT = Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True)
GOOD_BYE = Frame(Opcode.CLOSE, (1000).to_bytes(2, "big")).serialize(mask=True)


@pytest.mark.parametrize(
    "sent", [BAD_TEXT, BAD_TEXT * 2, BAD_TEXT + GOOD_BYE], ids=["one", "two", "and good-bye"]
)
async def test_text_that_is_not_utf_8_is_no_reason_for_a_traceback(
    database: MemoryDatabase, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    async with serve(database) as server, server.listen() as listener:
        await listener.take(2)
        listener.connection.transport.write(sent)
        assert (await listener.end())[0] in {CloseCode.BAD_TEXT, 1000}
        await server.until(lambda: server.hub.listeners == 0)
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR", "CRITICAL"}]


async def _until_cut(client: socket.socket) -> None:
    """Wait until the connection is gone, as a client that reads nothing notices it."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with contextlib.suppress(OSError):
            while True:
                await loop.sock_sendall(client, Frame(Opcode.PONG, b"").serialize(mask=True))
                await asyncio.sleep(0.05)


async def _fill(server: LiveServer) -> None:
    """Have more for who reads nothing than the kernel and the server hold."""
    for minute in range(20):
        _flood(server.database, minute)
        await server.until(lambda: server.hub.position == server.database.position())


@pytest.mark.parametrize("sent", [GOOD_BYE, BAD_TEXT], ids=["good-bye", "nonsense"])
async def test_a_client_that_ends_and_reads_nothing_is_cut_off(database: MemoryDatabase, sent: bytes) -> None:
    async with serve(database) as server, server.deaf() as client:
        await server.until(lambda: server.hub.listeners == 1)
        await _fill(server)
        await asyncio.get_running_loop().sock_sendall(client, sent)
        await server.until(lambda: server.hub.listeners == 0)
        await _until_cut(client)


async def test_a_slow_client_that_says_good_bye_does_not_keep_others_from_theirs(
    database: MemoryDatabase,
) -> None:
    async with serve(database) as server, server.deaf() as client:
        await server.until(lambda: server.hub.listeners == 1)
        await _fill(server)
        async with AsyncExitStack() as stack:
            others = [await stack.enter_async_context(server.listen(max_size=None)) for _ in range(3)]
            for other in others:
                await other.take(2)
            await asyncio.get_running_loop().sock_sendall(client, GOOD_BYE)
            await server.until(lambda: server.hub.listeners == 3)
            server.stop()
            assert {(await other.end())[0] for other in others} == {CloseCode.RESTART}


async def test_a_flood_of_pings_is_1008(database: MemoryDatabase) -> None:
    async with serve(database) as server, server.listen() as listener:
        await listener.take(2)
        listener.connection.transport.write(Frame(Opcode.PING, b"x").serialize(mask=True) * 2_000)
        code, reason, _ = await listener.end()
        assert (code, reason) == (CloseCode.POLICY, "too_many_messages")
        await server.until(lambda: server.hub.listeners == 0)


async def test_a_message_of_endless_fragments_is_1009(database: MemoryDatabase) -> None:
    def fragment(text: bytes) -> bytes:
        return Frame(Opcode.CONT, text, fin=False).serialize(mask=True)

    async with serve(database) as server, server.listen() as listener:
        await listener.take(2)
        first = Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True)
        listener.connection.transport.write(first + fragment(b"") * 1_000)
        listener.connection.transport.write(Frame(Opcode.CONT, b'{"type":"ping"}').serialize(mask=True))
        assert (await listener.next())["type"] == "pong"
        listener.connection.transport.write(first + fragment(b"x") * 1_000)
        code, _, _ = await listener.end()
        assert code == CloseCode.TOO_LARGE


async def test_frames_of_every_length_arrive_whole(database: MemoryDatabase) -> None:
    """Lengths are written in 7, 16 or 64 bits."""
    async with serve(database) as server, server.listen(max_size=None) as listener:
        await listener.take(2)
        for emote in ("", "x" * 100, "x" * 65_000, "x" * 70_000):
            with database.begin() as transaction:
                transaction.put_window(a_window(top_emotes=[emote]))
            assert (await listener.next())["data"]["top_emotes"] == [emote]
        await listener.send('{"type":"ping"}')
        assert (await listener.next())["type"] == "pong"


async def _come_and_go(server: LiveServer, times: int) -> None:
    for _ in range(times):
        reader, client = await asyncio.open_connection("127.0.0.1", server.port)
        client.write(HANDSHAKE)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert b"101" in await reader.readline()
        client.transport.abort()


@pytest.mark.timeout(300)
async def test_ten_thousand_that_come_and_go_leave_no_task_and_no_memory(database: MemoryDatabase) -> None:
    async with serve(database) as server:

        async def crowd(size: int) -> int:
            async with asyncio.TaskGroup() as group:
                for _ in range(20):
                    group.create_task(_come_and_go(server, size // 20))
            await server.until(lambda: server.hub.channels == 0)
            gc.collect()
            return int(psutil.Process().memory_info().rss)

        before = await crowd(2_000)
        await server.until(lambda: server.hub.listeners == 0)
        tasks = len(asyncio.all_tasks())
        after = await crowd(8_000)
        await server.until(lambda: server.hub.listeners == 0 and len(asyncio.all_tasks()) <= tasks)
    # A kilobyte of each would be eight megabytes.
    assert after - before < 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"X-Long: " + b"a" * 9_000, b"431"),
        (b"\r\n".join([b"X-Many: a"] * 200), b"431"),
        (b"Content-Length: 3\r\n\r\nabc", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"400"),
    ],
)
async def test_a_handshake_that_the_library_does_not_read_is_answered(
    database: MemoryDatabase, line: bytes, status: bytes
) -> None:
    """The stock class says nothing, and holds the connection as long as the client does."""
    request = (
        b"GET /ws/live/lofi HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + line + b"\r\n\r\n"
    )
    async with serve(database) as server, asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            writer.write(request)
            answer = await reader.read()
        finally:
            writer.transport.abort()
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert server.hub.listeners == 0


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b"x" * 4_000_000).serialize(mask=True), CloseCode.TOO_LARGE),
        (Frame(Opcode.TEXT, b"\xff").serialize(mask=True) * 200_000, CloseCode.BAD_TEXT),
    ],
)
async def test_who_breaks_the_protocol_learns_why_while_it_still_speaks(
    database: MemoryDatabase, frame: bytes, code: int
) -> None:
    """To close on what has yet to be read would reset the connection, and the close frame with it."""
    async with serve(database) as server, server.deaf() as client, asyncio.timeout(PATIENCE_SECONDS):
        await server.until(lambda: server.hub.listeners == 1)
        await asyncio.get_running_loop().sock_sendall(client, frame)
        await server.until(lambda: server.hub.listeners == 0)
        received = await _read_to_the_end(client)
    assert received[received.rindex(bytes((0x88,))) + 2 :].startswith(code.to_bytes(2, "big"))
