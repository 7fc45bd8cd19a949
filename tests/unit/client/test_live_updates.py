"""Following a stream by typed updates, against servers that do what a server may do."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
import textwrap
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection

from telemetra.client import (
    AccessDenied,
    AnswerUnreadable,
    AsyncTelemetra,
    ConnectedMessage,
    ConnectionLost,
    HeartbeatMessage,
    LiveUpdate,
    MetricsMessage,
    MetricWindow,
    Moment,
    MomentMessage,
    Removal,
    RemovedMessage,
    RequestRefused,
    SnapshotMessage,
    Stream,
    StreamMessage,
    StreamNotFound,
    Telemetra,
    TelemetraError,
    TokenRefused,
)
from tests.python_clients import Connect, Following
from tests.unit.scripted_server import (
    PATIENCE_SECONDS,
    Conversation,
    ScriptedServer,
    connected,
    message,
    metrics,
    moment,
    playing,
    refuse,
    snapshot,
    stream,
    talk,
)

SOON = "reconnect_after_ms=0"


def since(server: ScriptedServer) -> list[str | None]:
    """Return what each connection asked to resume from."""
    asked = [urlsplit(target).query for target in server.targets]
    return [unquote(query.removeprefix("since=")) if query else None for query in asked]


async def told(live: Following) -> tuple[list[LiveUpdate], TelemetraError]:
    """Return what is told until the following ends, and why it does."""
    updates: list[LiveUpdate] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            while True:
                updates.append(await live.next())
        except TelemetraError as error:
            return updates, error


class Waiting:
    """A server's side that talks, and then waits for the client to leave."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = messages
        self.left = asyncio.Event()
        self.code: int | None = None

    async def __call__(self, connection: ServerConnection) -> None:
        for each in self._messages:
            await connection.send(json.dumps(each))
        await connection.wait_closed()
        self.code = connection.close_code
        self.left.set()

    async def was_left(self) -> int | None:
        """Return the code that the client closed with."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.left.wait()
        return self.code


# What is told


async def test_every_update_is_of_its_class_and_has_its_position(connect: Connect) -> None:
    sent = (
        connected("p0"),
        snapshot("p1", windows=[metrics("x", 1)["data"]], moments=[moment(1)]),
        metrics("p2", 2, chat_count=7),
        message("moment", "p3", data=moment(3)),
        message("stream", "p4", data=stream("new")),
        message("removed", "p5", data={"all": True}),
        message("heartbeat", "p6"),
    )
    async with playing(talk(*sent, code=1012, reason=SOON)) as server, connect(server.url) as reader:
        updates, _ = await told(reader.live("s", on_lost=lambda _: None))
    assert [update.position for update in updates] == [f"p{number}" for number in range(7)]
    match updates:
        case [
            ConnectedMessage(resumed=False, heartbeat_seconds=15.0),
            SnapshotMessage(metrics=[MetricWindow(id=1)], moments=[Moment(moment_id="moment-1")]),
            MetricsMessage(data=MetricWindow(chat_count=7)),
            MomentMessage(data=Moment(moment_id="moment-3")),
            StreamMessage(data=Stream(title="new")),
            RemovedMessage(data=Removal(all=True)),
            HeartbeatMessage(),
        ]:
            pass
        case _:
            pytest.fail(f"{updates}")


async def test_what_a_newer_server_says_is_skipped_and_its_position_counts(connect: Connect) -> None:
    newer = message("raid", "p2", data={"from": ["anywhere"]})
    grown = metrics("p3", 2) | {"priority": "high"}
    grown["data"]["hype"] = 9
    async with (
        playing(
            talk(connected("p0"), snapshot("p1"), newer, code=1012, reason=SOON),
            talk(connected("p2", resumed=True), grown, message("pong"), code=1012, reason=SOON),
        ) as server,
        connect(server.url) as reader,
    ):
        live = reader.live("s", on_lost=lambda _: None)
        updates, _ = await told(live)
        assert live.position == "p3"
    assert since(server) == [None, "p2", "p3"]
    kinds = [type(update) for update in updates]
    assert kinds == [ConnectedMessage, SnapshotMessage, ConnectedMessage, MetricsMessage]


async def test_a_known_message_that_can_t_be_read_is_told_and_its_position_does_not_count(
    connect: Connect,
) -> None:
    broken = message("moment", "p2", data=moment(1, moment_type="invented_later"))
    async with playing(talk(connected(), snapshot("p1"), broken)) as server, connect(server.url) as reader:
        live = reader.live("s")
        updates, error = await told(live)
        assert isinstance(error, AnswerUnreadable)
        assert "'moment' that this client can't read" in str(error)
        assert "invented_later" in str(error)
        assert live.position == "p1"
    assert len(updates) == 2


async def test_it_resumes_at_what_was_handed_over_however_it_is_cut(connect: Connect) -> None:
    lost: list[ConnectionLost] = []
    async with (
        playing(
            talk(connected("p0"), snapshot("p1"), metrics("p2")),
            refuse(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After="0"),
            talk(connected("p2", resumed=True), metrics("p3"), code=1012, reason=SOON),
            talk(connected("p3", resumed=True), metrics("p4"), code=4408, reason=SOON),
        ) as server,
        connect(server.url) as reader,
    ):
        updates, _ = await told(reader.live("s", since="here", on_lost=lost.append))
    assert since(server) == ["here", "p2", "p2", "p3", "p4"]
    assert [update.position for update in updates if isinstance(update, MetricsMessage)] == ["p2", "p3", "p4"]
    assert [each.position for each in lost] == ["p2", "p2", "p3", "p4"]
    assert [each.reason for each in lost][1:3] == ["HTTP 503", "1012: the server restarts"]


async def test_a_lost_connection_is_logged_where_nobody_is_told(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "telemetra.client"):
        restarting = talk(connected(), snapshot("p1"), code=1012, reason=SOON)
        async with playing(restarting) as server, connect(server.url) as reader:
            await told(reader.live("s"))
    assert caplog.messages == ["live connection lost (1012: the server restarts), next try in 0.00 s"]


# How it ends


@pytest.mark.parametrize(
    ("conversation", "kind"),
    [
        (talk(message("error", code="stream_not_found", detail="No."), code=4404), StreamNotFound),
        (talk(code=4404), StreamNotFound),
        (talk(message("error", code="credential_invalid", detail="No."), code=1008), TokenRefused),
        (talk(message("error", code="access_denied", detail="No."), code=1008), AccessDenied),
        (talk(message("error", code="new", detail="No."), code=1008), RequestRefused),
        (talk(code=1009), RequestRefused),
    ],
)
async def test_an_end_that_is_final_is_of_the_kind_that_its_code_names(
    connect: Connect, conversation: Conversation, kind: type[RequestRefused]
) -> None:
    async with playing(conversation) as server, connect(server.url) as reader:
        updates, error = await told(reader.live("s"))
    assert type(error) is kind
    assert isinstance(error, RequestRefused)
    assert (updates, error.status) == ([], None)
    assert error.close_code in {1008, 1009, 4404}


@pytest.mark.parametrize(
    ("status", "kind"), [(401, TokenRefused), (403, RequestRefused), (404, RequestRefused)]
)
async def test_a_refused_handshake_is_of_the_kind_of_its_answer(
    connect: Connect, status: int, kind: type[RequestRefused]
) -> None:
    async with playing(refuse(HTTPStatus(status))) as server, connect(server.url) as reader:
        _, error = await told(reader.live("s"))
    assert type(error) is kind
    assert isinstance(error, RequestRefused)
    assert (error.status, error.close_code) == (status, None)


async def test_a_server_of_another_kind_ends_it(connect: Connect) -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"http://127.0.0.1:{port}") as reader:
            _, error = await told(reader.live("s"))
    assert isinstance(error, AnswerUnreadable)


async def test_a_server_that_dies_in_the_handshake_is_tried_again(connect: Connect) -> None:
    calls = 0

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            writer.transport.abort()
            return
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    lost: list[ConnectionLost] = []
    async with await asyncio.start_server(die, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"http://127.0.0.1:{port}") as reader:
            _, error = await told(reader.live("s", on_lost=lost.append))
    assert isinstance(error, RequestRefused)
    assert len(lost) == 1
    assert lost[0].reason in {"cut off during the handshake", "Connection reset by peer"}


async def test_a_server_that_falls_silent_is_left(connect: Connect) -> None:
    silent = Waiting(connected("p1", resumed=True, heartbeat_seconds=0.05))
    lost: list[ConnectionLost] = []
    back = talk(connected("p1", resumed=True), code=4404)
    async with playing(silent, back) as server, connect(server.url) as reader:
        _, error = await told(reader.live("s", since="p1", on_lost=lost.append))
    assert [each.reason for each in lost] == ["nothing heard for 0.1 s"]
    assert isinstance(error, StreamNotFound)


async def test_the_token_of_the_moment_is_shown_on_each_connection(connect: Connect) -> None:
    tokens = iter(["tlm_one", "tlm_two"])
    restarting = talk(connected(), snapshot("p1"), code=1012, reason=SOON)
    async with playing(restarting) as server, connect(server.url, token=lambda: next(tokens)) as reader:
        await told(reader.live("s", on_lost=lambda _: None))
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == ["Bearer tlm_one", "Bearer tlm_two"]


@pytest.mark.parametrize("stream_id", ["", "\ud800"])
async def test_a_stream_that_no_address_can_name_is_told_at_once(connect: Connect, stream_id: str) -> None:
    async with connect("http://h") as reader:
        with pytest.raises(ValueError, match="stream_id: it is"):
            reader.live(stream_id)


# Leaving


async def test_closing_says_goodbye_and_is_the_end(connect: Connect) -> None:
    waiting = Waiting(connected(), snapshot("p1"))
    async with playing(waiting) as server, connect(server.url) as reader:
        live = reader.live("s")
        await live.next()
        await live.close()
        assert await waiting.was_left() == 1000
        with pytest.raises(StopAsyncIteration):
            await live.next()
        await live.close()
    assert len(server.targets) == 1


async def test_closing_ends_the_wait_for_an_update(connect: Connect) -> None:
    waiting = Waiting(connected(), snapshot("p1"))
    async with playing(waiting) as server, connect(server.url) as reader:
        live = reader.live("s", on_lost=lambda _: pytest.fail("it was no loss"))
        await live.next()
        await live.next()
        await _closed_while_waiting(live)
        assert await waiting.was_left() == 1000


async def test_closing_ends_the_wait_for_the_next_try(connect: Connect) -> None:
    lost = asyncio.Event()
    loop = asyncio.get_running_loop()
    away = refuse(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After="300")
    async with playing(away) as server, connect(server.url) as reader:
        live = reader.live("s", on_lost=lambda _: loop.call_soon_threadsafe(lost.set))
        await _closed_while_waiting(live, lost.wait)


async def _closed_while_waiting(
    live: Following, until: Callable[[], Awaitable[Any]] = lambda: asyncio.sleep(0.05)
) -> None:
    """Close while somebody waits for an update, and see that the wait is over."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        waiting = asyncio.create_task(live.next())
        await until()
        await live.close()
        with pytest.raises(StopAsyncIteration):
            await waiting


async def test_leaving_the_client_s_block_ends_what_it_follows(connect: Connect) -> None:
    waiting = Waiting(connected(), snapshot("p1"))
    async with playing(waiting) as server:
        async with connect(server.url) as reader:
            live = reader.live("s")
            await live.next()
        assert await waiting.was_left() == 1000
        with pytest.raises(StopAsyncIteration):
            await live.next()


async def test_leaving_the_loop_closes_the_connection_at_once() -> None:
    waiting, other = Waiting(connected(), snapshot("p1")), Waiting(connected(), snapshot("p1"))
    gc.disable()
    try:
        async with playing(waiting, other) as server:
            client = AsyncTelemetra(server.url)
            async for _ in client.live("s"):
                break
            assert await waiting.was_left() == 1000

            def follow_a_little() -> None:
                for _ in Telemetra(server.url).live("s"):
                    break

            await asyncio.to_thread(follow_a_little)
            assert await other.was_left() == 1000
    finally:
        gc.enable()


async def test_cancelling_closes_the_connection_at_once() -> None:
    waiting = Waiting(connected(), snapshot("p1"))
    seen = asyncio.Event()
    async with playing(waiting) as server, AsyncTelemetra(server.url) as client:

        async def follow() -> None:
            async for update in client.live("s"):
                if isinstance(update, SnapshotMessage):
                    seen.set()

        following = asyncio.create_task(follow())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await seen.wait()
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        # Before the client is closed.
        assert await waiting.was_left() == 1000


async def test_cancelling_ends_an_attempt_to_connect() -> None:
    called = asyncio.Event()
    gone = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        with suppress(OSError):
            while await reader.read(1000):
                pass
        gone.set()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        following = asyncio.ensure_future(anext(AsyncTelemetra(f"http://127.0.0.1:{port}").live("s")))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await called.wait()
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            await gone.wait()


FORGETFUL = {
    "a following that is left open": """
        live = Telemetra(url).live("s")
        print(type(next(live)).__name__)
    """,
    "a thread that follows": """
        def follow():
            for update in Telemetra(url).live("s"):
                print(type(update).__name__)
                told.set()
        told = threading.Event()
        threading.Thread(target=follow, daemon=True).start()
        told.wait()
    """,
    "a following that is left open in a loop": """
        async def main():
            global live
            live = AsyncTelemetra(url).live("s")
            print(type(await anext(live)).__name__)
        asyncio.run(main())
    """,
}


@pytest.mark.parametrize("program", FORGETFUL.values(), ids=FORGETFUL.keys())
async def test_a_program_that_forgets_to_close_ends_in_order(program: str) -> None:
    waiting = Waiting(connected())
    head = "import asyncio, sys, threading\nfrom telemetra.client import *\nurl = sys.argv[1]\n"
    async with playing(waiting) as server, asyncio.timeout(PATIENCE_SECONDS):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", head + textwrap.dedent(program), server.url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert (process.returncode, out.decode(), err.decode()) == (0, "ConnectedMessage\n", "")
        assert await waiting.was_left() == 1000


async def test_an_error_in_the_loop_s_body_closes_the_connection(connect: Connect) -> None:
    waiting = Waiting(connected(), snapshot("p1"))

    class Mine(Exception):
        pass

    async with playing(waiting) as server:

        def follow() -> None:
            with Telemetra(server.url) as client, client.live("s") as live:
                for _ in live:
                    raise Mine

        async def follow_async() -> None:
            async with AsyncTelemetra(server.url) as client, client.live("s") as live:
                async for _ in live:
                    raise Mine

        with pytest.raises(Mine):
            await (asyncio.to_thread(follow) if connect.__name__ == "_threads" else follow_async())
        assert await waiting.was_left() == 1000
