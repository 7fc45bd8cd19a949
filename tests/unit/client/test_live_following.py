"""The reconnecting client, against servers that do what a server may do."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import aclosing
from http import HTTPStatus
from random import Random
from urllib.parse import unquote, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection

from telemetra.client import ConnectionLost, RequestRefused, TelemetraError
from telemetra.client.access import Access
from telemetra.client.addresses import Address
from telemetra.client.live_async import follow
from telemetra.client.live_following import Following
from telemetra.client.live_reading import HeardMessage
from tests.unit.scripted_server import (
    PATIENCE_SECONDS,
    ScriptedServer,
    connected,
    keep_silent,
    message,
    metrics,
    playing,
    refuse,
    snapshot,
    talk,
)


class Longest(Random):
    """Draws the upper end always, and notes the bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.bounds.append((a, b))
        return b


class Enough(Exception):
    """Ends a client that would try for ever."""


class Client:
    """Follows stream `s` and keeps all there is to know of it; never really waits."""

    def __init__(self, *, waits: int | None = None) -> None:
        self.messages: list[HeardMessage] = []
        self.lost: list[ConnectionLost] = []
        self.slept: list[float] = []
        self.random = Longest()
        self._waits = waits

    @property
    def types(self) -> list[str]:
        return [heard.head.type for heard in self.messages]

    async def follow(self, url: str, *, since: str | None = None) -> str:
        """Follow until the server says that it is no use; return what it says."""
        with pytest.raises(TelemetraError) as refused:
            await self._run(url, since=since)
        return str(refused.value)

    async def follow_for_ever(self, url: str) -> None:
        """Follow until the client has waited as often as it may."""
        with pytest.raises(Enough):
            await self._run(url)

    async def _run(self, url: str, *, since: str | None = None) -> None:
        following = Following(Address.parse(url), "s", since=since, random=self.random)
        messages_of = follow(following, Access(), on_lost=self.lost.append, sleep=self._sleep)
        async with asyncio.timeout(PATIENCE_SECONDS), aclosing(messages_of) as messages:
            async for heard in messages:
                self.messages.append(heard)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self._waits:
            raise Enough
        await asyncio.sleep(0)


def since(server: ScriptedServer) -> list[str | None]:
    """Return what each connection asked to resume from."""
    asked = [urlsplit(target).query for target in server.targets]
    return [unquote(query.removeprefix("since=")) if query else None for query in asked]


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def dead_url() -> Iterator[str]:
    """An address that nobody listens on, and nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


# Resuming


async def test_it_resumes_at_the_last_message_that_it_handed_over(client: Client) -> None:
    async with playing(
        talk(connected("p0"), snapshot("p1"), metrics("p2")),
        talk(connected("p2", resumed=True), metrics("p3"), message("heartbeat", "p4"), code=1012),
        talk(connected("p4", resumed=True), code=1001),
    ) as server:
        await client.follow(server.url)
    assert since(server) == [None, "p2", "p4", "p4"]
    assert client.types == [
        *("connected", "snapshot", "metrics"),
        *("connected", "metrics", "heartbeat"),
        "connected",
    ]


async def test_messages_come_as_they_were_sent(client: Client) -> None:
    sent = [json.dumps(connected("p0")), '{ "type":"new\\u0009",\n "x": [1e2, null] }', '{"type":"pong"}']
    async with playing(talk(*sent)) as server:
        await client.follow(server.url)
    assert [heard.text for heard in client.messages] == sent


async def test_a_greeting_without_its_snapshot_is_nothing_to_resume_from(client: Client) -> None:
    async with playing(
        talk(connected("p1")),
        talk(connected("p2"), snapshot("p2")),
    ) as server:
        await client.follow(server.url)
    assert since(server) == [None, None, "p2"]


async def test_a_position_that_the_server_does_not_know_is_kept_until_the_snapshot_is_there(
    client: Client,
) -> None:
    async with playing(
        talk(connected("p1")),
        talk(connected("p2"), snapshot("p2")),
    ) as server:
        await client.follow(server.url, since="old&1 é")
    assert since(server) == ["old&1 é", "old&1 é", "p2"]


async def test_a_message_without_a_position_leaves_it_where_it_was(client: Client) -> None:
    async with playing(
        talk(connected(), snapshot("p1"), message("pong"), message("error", code="x", detail="y"))
    ) as server:
        await client.follow(server.url)
    assert since(server) == [None, "p1"]
    assert client.lost[0].position == "p1"


# Which ends are taken for the last


@pytest.mark.parametrize("code", [None, 1000, 1001, 1011, 1012, 1013, 3000, 4408, 4999])
async def test_it_comes_back_after_an_end_that_may_pass(client: Client, code: int | None) -> None:
    async with playing(talk(connected(), snapshot("p1"), code=code)) as server:
        await client.follow(server.url)
    assert since(server) == [None, "p1"]
    assert ("cut off" if code is None else str(code)) in client.lost[0].reason


@pytest.mark.parametrize("code", [1007, 1008, 1009, 4404])
async def test_it_gives_up_where_trying_again_is_no_use(client: Client, code: int) -> None:
    error = message("error", code="any", detail="There is no stream 's'.")
    async with playing(talk(error, code=code, reason="any")) as server:
        told = await client.follow(server.url)
    assert told == f"The server ends it ({code}: There is no stream 's')."
    assert len(server.targets) == 1
    assert client.lost == []


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 421])
async def test_it_gives_up_when_the_handshake_is_refused(client: Client, status: int) -> None:
    async with playing(refuse(HTTPStatus(status))) as server:
        told = await client.follow(server.url)
    assert f"HTTP {status}" in told
    assert len(server.targets) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_it_comes_back_to_a_server_that_can_t_answer_now(client: Client, status: int) -> None:
    async with playing(refuse(HTTPStatus(status)), talk(connected(), snapshot("p1"))) as server:
        await client.follow(server.url)
    assert client.lost[0].reason == f"HTTP {status}"
    assert client.types == ["connected", "snapshot"]


async def test_it_comes_back_to_a_server_that_dies_in_the_handshake(client: Client) -> None:
    async def die(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    client = Client(waits=2)
    async with await asyncio.start_server(die, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await client.follow_for_ever(f"http://127.0.0.1:{port}")
    assert [lost.reason for lost in client.lost] == ["cut off during the handshake"] * 2


async def test_a_server_of_another_kind_ends_it(client: Client) -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        told = await client.follow(f"http://127.0.0.1:{port}")
    assert "no live socket at this address" in told


@pytest.mark.parametrize("sent", ["hello", "[]", "{}", '{"type": 1}', '{"type":"x","position":7}'])
async def test_what_is_no_live_message_ends_it(client: Client, sent: str) -> None:
    async with playing(talk(sent)) as server:
        assert "no live message" in await client.follow(server.url)
    assert client.messages == []


async def test_a_server_that_falls_silent_is_left(client: Client) -> None:
    async with playing(
        keep_silent(connected("p1", resumed=True, heartbeat_seconds=0.05)),
        talk(connected("p1", resumed=True)),
    ) as server:
        await client.follow(server.url, since="p1")
    assert client.lost[0].reason == "nothing heard for 0.1 s"
    assert since(server) == ["p1", "p1", "p1"]


async def test_heartbeats_keep_a_quiet_connection(client: Client) -> None:
    beats = 14

    async def beat(connection: ServerConnection) -> None:
        await connection.send(json.dumps(connected(heartbeat_seconds=1.5)))
        for _ in range(beats):
            await asyncio.sleep(0.25)
            await connection.send(json.dumps(message("heartbeat", "p1")))
        await connection.close(4404)

    async with playing(beat) as server:
        await client.follow(server.url)
    assert client.types == ["connected", *["heartbeat"] * beats]


# Waiting


async def test_the_waits_double_up_to_half_a_minute_and_are_drawn_from_all_below(dead_url: str) -> None:
    client = Client(waits=10)
    await client.follow_for_ever(dead_url)
    longest = [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert client.random.bounds == [(0, seconds) for seconds in longest]
    assert client.slept == longest
    assert [lost.delay_seconds for lost in client.lost] == longest
    assert {lost.reason for lost in client.lost} == {"Connection refused"}


async def test_the_server_s_advice_is_the_first_wait(client: Client) -> None:
    async with playing(
        talk(connected(), snapshot("p1"), code=1012, reason="reconnect_after_ms=1234"),
        refuse(HTTPStatus.SERVICE_UNAVAILABLE),
    ) as server:
        await client.follow(server.url)
    assert client.slept == [1.234, 0.5]


async def test_advice_does_not_shorten_what_failures_have_added_up_to(client: Client) -> None:
    too_early = talk(message("error", code="x", detail="y"), code=1013, reason="reconnect_after_ms=1")
    async with playing(*[too_early] * 4) as server:
        await client.follow(server.url)
    assert client.slept == [0.001, 0.5, 1, 2]


async def test_a_refused_handshake_may_advise_too(client: Client) -> None:
    async with playing(
        refuse(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After="7"),
        refuse(HTTPStatus.SERVICE_UNAVAILABLE, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"),
    ) as server:
        await client.follow(server.url)
    assert client.slept == [7, 0.5]


@pytest.mark.parametrize(
    ("advice", "wait"),
    [
        ("reconnect_after_ms=999999999", 300),
        ("reconnect_after_ms=-5", 0.25),
        ("reconnect_after_ms=soon", 0.25),
        ("reconnect_after_ms=", 0.25),
        ("come back", 0.25),
        ("", 0.25),
    ],
)
async def test_advice_without_sense_does_no_harm(client: Client, advice: str, wait: float) -> None:
    async with playing(talk(connected(), snapshot("p1"), code=1012, reason=advice)) as server:
        await client.follow(server.url)
    assert client.slept == [wait]


async def test_the_waits_begin_again_after_a_connection_that_brought_something(client: Client) -> None:
    down = refuse(HTTPStatus.BAD_GATEWAY)
    async with playing(
        *(down, down, talk(connected(), snapshot("p1")), down),
        talk(connected("p1", resumed=True), message("heartbeat", "p2")),
    ) as server:
        await client.follow(server.url)
    assert client.slept == [0.25, 0.5, 0.25, 0.5, 0.25]


async def test_a_server_that_greets_and_fails_is_not_asked_without_end_at_once(client: Client) -> None:
    greets = talk(connected("p0"), code=1011)
    async with playing(*[greets] * 5) as server:
        await client.follow(server.url)
    assert client.slept == [0.25, 0.5, 1, 2, 4]


# The connection


async def test_leaving_closes_the_connection() -> None:
    left = asyncio.Event()

    async def wait(connection: ServerConnection) -> None:
        await connection.send(json.dumps(connected()))
        await connection.wait_closed()
        assert connection.close_code == 1000
        left.set()

    async with playing(wait) as server, asyncio.timeout(PATIENCE_SECONDS):
        following = Following(Address.parse(server.url), "s")
        async with aclosing(follow(following, Access(), on_lost=print)) as messages:
            async for _ in messages:
                break
        await left.wait()


async def test_messages_may_be_large_and_none_is_compressed(client: Client) -> None:
    large = message("metrics", "p1", data="x" * 3_000_000)
    async with playing(talk(connected(), large)) as server:
        await client.follow(server.url)
    assert json.loads(client.messages[1].text) == large
    assert "Sec-WebSocket-Extensions" not in server.requests[0].headers


async def test_the_stream_is_one_segment_behind_the_prefix() -> None:
    async with playing() as server, asyncio.timeout(PATIENCE_SECONDS):
        following = Following(Address.parse(f"{server.url}/a/prefix/"), "a/b c?d#é%2F\r\n")
        with pytest.raises(RequestRefused):
            await anext(follow(following, Access(), on_lost=print))
    assert server.targets == ["/a/prefix/ws/live/a%2Fb%20c%3Fd%23%C3%A9%252F%0D%0A"]
