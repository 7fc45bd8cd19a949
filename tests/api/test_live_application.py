"""The live socket in the whole application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
import structlog
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from telemetra.adapters.memory import MemoryDatabase, memory_ports
from telemetra.domain.ports import Ports
from telemetra.entrypoints.app import create_app
from telemetra.settings import Settings
from tests.api.live_server import PATIENCE_SECONDS, listen, run_server
from tests.contract.samples import a_stream, a_window


@pytest.fixture
def database() -> MemoryDatabase:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream())
    return database


@asynccontextmanager
async def _serve(database: MemoryDatabase, settings: Settings | None = None) -> AsyncIterator[int]:
    @asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        yield memory_ports(database)

    async with run_server(create_app(open_ports, settings)) as (port, _):
        yield port


async def test_a_client_reads_over_http_and_goes_on_live_from_exactly_there(database: MemoryDatabase) -> None:
    with database.begin() as transaction:
        transaction.put_window(a_window(1))
    async with _serve(database) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as http:
            answer = await http.get("/api/v1/streams/lofi/metrics")
        assert len(answer.json()) == 1
        position = answer.headers["Telemetra-Position"]
        with database.begin() as transaction:
            transaction.put_window(a_window(2, chat_count=22))
        async with listen(port, f"/ws/live/lofi?since={position}") as listener:
            connected, missed = await listener.take(2)
            assert connected["resumed"] is True
            assert missed["data"]["chat_count"] == 22
            with database.begin() as transaction:
                transaction.put_window(a_window(3, chat_count=33))
            assert (await listener.next())["data"]["chat_count"] == 33


async def test_an_id_with_a_slash_reaches_the_socket(database: MemoryDatabase) -> None:
    with database.begin() as transaction:
        transaction.put_stream(a_stream("a/b"))
    async with _serve(database) as port, listen(port, "/ws/live/a%2Fb") as listener:
        assert (await listener.next())["stream_id"] == "a/b"


async def test_a_foreign_origin_is_403(database: MemoryDatabase) -> None:
    settings = replace(Settings(), cors_origins=("https://app.example",))
    async with _serve(database, settings) as port:
        with pytest.raises(InvalidStatus) as refused:
            async with listen(port, "/ws/live/lofi", origin="https://evil.example"):
                pass
        assert refused.value.response.status_code == 403
        async with listen(port, "/ws/live/lofi", origin="https://app.example") as listener:
            assert (await listener.next())["type"] == "connected"


async def test_the_line_of_an_ended_listener_has_the_request_id(database: MemoryDatabase) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        async with _serve(database) as port:
            headers = {"X-Request-ID": "my-request"}
            async with listen(port, "/ws/live/lofi", additional_headers=headers) as listener:
                await listener.take(2)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not lines:  # noqa: ASYNC110  (the line comes when the server has noticed)
                    await asyncio.sleep(0.002)
    (line,) = lines
    assert (line["event"], line["request_id"]) == ("live_listener_closed", "my-request")
