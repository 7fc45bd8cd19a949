"""Nothing is left of a listener but one line in the log."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from telemetra.adapters.memory import MemoryDatabase
from tests.api.live_server import LiveServer, Serve
from tests.contract.samples import a_stream, a_window


@pytest.fixture
def database() -> MemoryDatabase:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
    return database


async def _visit(server: LiveServer, *, politely: bool) -> None:
    async with server.listen() as listener:
        await listener.take(2)
        if not politely:
            listener.cut()


async def test_a_hundred_listeners_leave_nothing_behind(serve: Serve, database: MemoryDatabase) -> None:
    async with serve(database) as server:
        await _visit(server, politely=True)
        await server.until(lambda: server.hub.channels == 0)
        tasks = len(asyncio.all_tasks())
        for _ in range(10):
            await asyncio.gather(*(_visit(server, politely=number % 2 == 0) for number in range(10)))
        await server.until(lambda: server.hub.channels == 0 and len(asyncio.all_tasks()) <= tasks)
        assert server.hub.listeners == 0


async def test_a_listener_that_goes_while_it_is_being_written_to_ends_quietly(
    serve: Serve,
    database: MemoryDatabase,
) -> None:
    with capture_logs() as logs:
        async with serve(database) as server:
            for minute in range(20):
                async with server.listen() as listener:
                    await listener.take(2)
                    with database.begin() as transaction:
                        transaction.put_window(a_window(minute))
                    listener.cut()
            await server.until(lambda: server.hub.channels == 0)
    assert {line["event"] for line in logs} == {"live_listener_closed"}


async def test_an_ended_listener_leaves_one_line(serve: Serve, database: MemoryDatabase) -> None:
    with capture_logs() as logs:
        async with serve(database) as server:
            async with server.listen() as listener:
                await listener.take(2)
                await listener.send("not JSON")
                await listener.next()
            await server.until(lambda: server.hub.listeners == 0)
    (line,) = logs
    assert line["event"] == "live_listener_closed"
    assert line["log_level"] == "info"
    assert (line["stream_id"], line["code"], line["messages"]) == ("lofi", 1000, 3)
    assert 0 <= line["seconds"] < 60


async def test_a_server_that_stops_ends_its_listeners_with_1012(
    serve: Serve, database: MemoryDatabase
) -> None:
    async with serve(database) as server:
        async with server.listen() as listener:
            await listener.take(2)
            server.stop()
            code, _, _ = await listener.end()
        await server.until(lambda: server.hub.listeners == 0)
    assert code == 1012
