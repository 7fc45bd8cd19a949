"""Who may listen and how; and how each conversation ends, by its close code."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from telemetra.adapters.memory import MemoryDatabase
from telemetra.domain.errors import SchemaOutdated
from telemetra.entrypoints.live.protocol import CloseCode
from tests.api.live_feeds import GatedFeed
from tests.api.live_server import Serve
from tests.contract.samples import a_stream, a_window

PING = '{"type":"ping"}'


@pytest.fixture
def database() -> MemoryDatabase:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
    return database


def _advice_ms(reason: str) -> int:
    advice = re.fullmatch(r"reconnect_after_ms=(\d+)", reason)
    assert advice, reason
    return int(advice[1])


@pytest.mark.parametrize("path", ["nothing", "lofi%00", "%ff", "%zz", "lofi%2Fx", "lofi%2F", "x" * 5_000])
async def test_an_unknown_stream_is_4404(serve: Serve, database: MemoryDatabase, path: str) -> None:
    async with serve(database) as server, server.listen(path) as listener:
        code, reason, messages = await listener.end()
    assert (code, reason) == (CloseCode.STREAM_NOT_FOUND, "stream_not_found")
    assert [(message["type"], message["code"]) for message in messages] == [("error", "stream_not_found")]


async def test_an_unknown_stream_with_a_position_is_4404(serve: Serve, database: MemoryDatabase) -> None:
    async with (
        serve(database) as server,
        server.listen("nothing", since=str(database.position())) as listener,
    ):
        code, _, _ = await listener.end()
    assert code == CloseCode.STREAM_NOT_FOUND


async def test_a_database_that_is_away_is_1013_with_advice(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database) as server:
        with database.unavailable():
            async with server.listen() as listener:
                code, reason, messages = await listener.end()
    assert code == CloseCode.TRY_AGAIN
    assert 1_000 <= _advice_ms(reason) <= 10_000
    assert [message["code"] for message in messages] == ["database_unavailable"]


async def test_a_listener_too_many_is_1013_with_advice(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database, live_max_listeners=2) as server, server.listen() as one, server.listen():
        await one.take(2)
        async with server.listen() as third:
            code, reason, messages = await third.end()
        assert code == CloseCode.TRY_AGAIN
        assert _advice_ms(reason)
        assert [message["code"] for message in messages] == ["too_many_listeners"]
        await one.send(PING)
        assert (await one.next())["type"] == "pong"


async def test_an_address_has_a_limit_of_its_own(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database, live_max_listeners_per_address=1) as server:
        async with server.listen() as one:
            await one.take(2)
            async with server.listen() as second:
                assert (await second.end())[0] == CloseCode.TRY_AGAIN
        await server.until(lambda: server.hub.listeners == 0)
        async with server.listen() as again:
            assert (await again.next())["type"] == "connected"


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [
        ((), None),
        ((), "http://127.0.0.1:{port}"),
        (("https://app.example",), "https://app.example"),
        (("*",), "https://evil.example"),
        (("*",), "null"),
    ],
)
async def test_a_welcome_origin_is_served(
    serve: Serve, database: MemoryDatabase, allowed: tuple[str, ...], origin: str | None
) -> None:
    async with serve(database, cors_origins=allowed) as server:
        page = origin and origin.format(port=server.port)
        async with server.listen(origin=page) as listener:
            assert (await listener.next())["type"] == "connected"


@pytest.mark.parametrize(
    ("allowed", "origin"),
    [
        ((), "https://evil.example"),
        ((), "http://127.0.0.1:1"),
        ((), "null"),
        (("https://app.example",), "http://app.example"),
        (("https://app.example",), "https://app.example.evil.example"),
    ],
)
async def test_a_foreign_origin_is_refused_before_it_is_accepted(
    serve: Serve, database: MemoryDatabase, allowed: tuple[str, ...], origin: str
) -> None:
    async with serve(database, cors_origins=allowed) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with server.listen(origin=origin):
                pass
        assert refused.value.response.status_code == 403
        assert server.hub.listeners == 0


@pytest.mark.parametrize(
    "message", ["", "?", "{}", "[]", "1", '{"type":"pong"}', '{"type":1}', b"\x00", b"", "[" * 60_000]
)
async def test_what_is_not_understood_is_an_error_and_then_1008(
    serve: Serve, database: MemoryDatabase, message: str | bytes
) -> None:
    async with serve(database) as server, server.listen() as listener:
        await listener.take(2)
        await listener.send(message)
        complaint = await listener.next()
        assert (complaint["type"], complaint["code"]) == ("error", "message_invalid")
        await listener.send(PING)
        assert (await listener.next())["type"] == "pong"
        await listener.send(message)
        code, reason, messages = await listener.end()
    assert (code, reason) == (CloseCode.POLICY, "message_invalid")
    assert [last["code"] for last in messages] == ["message_invalid"]


async def test_a_flood_is_1008_and_nobody_else_notices(serve: Serve, database: MemoryDatabase) -> None:
    async with (
        serve(database, live_messages_per_minute=5) as server,
        server.listen() as quiet,
        server.listen() as loud,
    ):
        await quiet.take(2)
        await loud.take(2)
        for _ in range(6):
            await loud.send(PING)
        code, reason, messages = await loud.end()
        assert (code, reason) == (CloseCode.POLICY, "too_many_messages")
        assert [message["type"] for message in messages] == ["pong"] * 5 + ["error"]
        await quiet.send(PING)
        assert (await quiet.next())["type"] == "pong"


async def test_a_message_above_64_kib_is_1009(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database) as server, server.listen() as listener:
        await listener.take(2)
        await listener.send("x" * (64 * 1024 + 1))
        assert (await listener.end())[0] == CloseCode.TOO_LARGE


async def test_text_that_is_not_utf_8_is_1007(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database) as server, server.listen() as listener:
        await listener.take(2)
        frame = Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True)
        listener.connection.transport.write(frame)
        assert (await listener.end())[0] == CloseCode.BAD_TEXT
        await server.until(lambda: server.hub.listeners == 0)


async def test_a_listener_that_reads_nothing_is_let_go_while_others_are_served(
    serve: Serve,
    database: MemoryDatabase,
) -> None:
    with capture_logs() as logs:
        async with (
            serve(database, live_stall_timeout=0.3) as server,
            server.listen() as quick,
            server.deaf() as deaf,
        ):
            await quick.take(2)
            # The kernel takes megabytes before the server learns that nobody reads.
            for number in range(400):
                with database.begin() as transaction:
                    transaction.put_window(
                        a_window(number % 60, top_emotes=["x" * 30_000], chat_count=number)
                    )
                assert (await quick.next())["data"]["chat_count"] == number
            await server.until(lambda: server.hub.listeners == 1)
            assert deaf.fileno() >= 0
        closed = [line for line in logs if line["event"] == "live_listener_closed"]
    assert CloseCode.TOO_SLOW in [line["code"] for line in closed]
    assert not [line for line in logs if line["log_level"] == "error"]


async def test_a_hub_that_closes_sends_listeners_away_with_spread_out_advice(
    serve: Serve,
    database: MemoryDatabase,
) -> None:
    async with serve(database) as server, AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(server.listen()) for _ in range(8)]
        for listener in listeners:
            await listener.take(2)
        await server.hub.close()
        endings = [await listener.end() for listener in listeners]
    assert {code for code, _, _ in endings} == {CloseCode.RESTART}
    assert {messages[-1]["code"] for _, _, messages in endings} == {"server_restarting"}
    assert len({_advice_ms(reason) for _, reason, _ in endings}) > 1


async def test_a_history_that_ends_under_a_listener_is_1012(serve: Serve, database: MemoryDatabase) -> None:
    feed = GatedFeed(database)
    async with serve(database, feed=feed) as server, server.listen() as listener:
        await listener.take(2)
        database.epoch = b"restored"
        with database.begin() as transaction:
            transaction.put_window(a_window())
        code, reason, messages = await listener.end()
    assert code == CloseCode.RESTART
    assert _advice_ms(reason)
    assert [message["code"] for message in messages] == ["position_invalid"]


@pytest.mark.parametrize("fault", [ValueError("a secret"), SchemaOutdated(found="1", wanted="2")])
async def test_an_unforeseen_fault_is_1011_without_details(
    serve: Serve, database: MemoryDatabase, fault: Exception
) -> None:
    feed = GatedFeed(database)
    feed.fault = fault
    with capture_logs() as logs:
        async with serve(database, feed=feed) as server, server.listen() as listener:
            code, _, messages = await listener.end()
    assert code == CloseCode.INTERNAL
    assert [message["code"] for message in messages] == ["internal_error"]
    assert str(fault) not in str(messages)
    assert [line for line in logs if line["event"] == "live_listener_failed" and line["exc_info"]]
