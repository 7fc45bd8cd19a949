"""Who may listen: tokens and tickets at the live socket, on every kind of server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import httpx
import pytest
import structlog
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from telemetra.adapters.memory import MemoryCredentials, MemoryDatabase, memory_ports
from telemetra.domain.access import digest_of
from telemetra.domain.ports import Ports
from telemetra.entrypoints.app import create_app
from telemetra.settings import Settings
from tests.api.live_server import PATIENCE_SECONDS, listen, run_server
from tests.api.test_access import TOKENS, bearer
from tests.contract.samples import a_stream

Open: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[int, MemoryCredentials]]]


@pytest.fixture(params=["own connection class", "any server"])
def guarded(request: pytest.FixtureRequest) -> Open:
    """What serves the application over tokens, with streams `lofi` and `other`: its port, and the tokens."""
    return partial(_guarded, stock=request.param == "any server")


@asynccontextmanager
async def _guarded(*, stock: bool, **settings: Any) -> AsyncIterator[tuple[int, MemoryCredentials]]:
    database, credentials = MemoryDatabase(), MemoryCredentials(*TOKENS.values())
    with database.begin() as transaction:
        for stream_id in ("lofi", "other"):
            transaction.put_stream(a_stream(stream_id))

    @asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        yield replace(memory_ports(database), credentials=credentials)

    app = create_app(open_ports, replace(Settings(), **settings))
    async with run_server(app, stock=stock) as (port, _):
        yield port, credentials


async def refused(port: int, target: str, **options: Any) -> httpx.Response:
    """Return the answer to a handshake that is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with listen(port, target, **options):
            pass
    answer = caught.value.response
    headers = list(answer.headers.raw_items())
    return httpx.Response(answer.status_code, headers=headers, content=bytes(answer.body))


async def ticket(port: int, name: str) -> str:
    """Take a ticket for the bearer of a token."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as http:
        answer = await http.post("/api/v1/live-tickets", headers=bearer(name))
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    taken: str = answer.json()["ticket"]
    return taken


async def test_a_token_opens_the_socket(guarded: Open) -> None:
    async with (
        guarded() as (port, _),
        listen(port, "/ws/live/lofi", additional_headers=bearer("reader")) as listener,
    ):
        assert (await listener.next())["type"] == "connected"


async def test_a_ticket_opens_the_socket(guarded: Open) -> None:
    async with guarded() as (port, _):
        taken = await ticket(port, "reader")
        async with listen(port, f"/ws/live/lofi?ticket={taken}") as listener:
            assert (await listener.next())["type"] == "connected"


@pytest.mark.parametrize(
    ("target", "name", "status", "code"),
    [
        ("/ws/live/lofi", None, 401, "credential_missing"),
        ("/ws/live/lofi", "nobody", 401, "credential_invalid"),
        ("/ws/live/lofi", "old", 401, "credential_invalid"),
        ("/ws/live/lofi", "writer", 403, "access_denied"),
        ("/ws/live/other", "narrow", 403, "access_denied"),
        ("/ws/live/unheard-of", "narrow", 403, "access_denied"),
        ("/ws/live/lofi?ticket=", None, 401, "credential_invalid"),
        ("/ws/live/lofi?ticket=nonsense", None, 401, "credential_invalid"),
        ("/ws/live/lofi?ticket=" + "A" * 102, None, 401, "credential_invalid"),
        ("/ws/live/lofi?ticket=" + "%FF" * 102, None, 401, "credential_invalid"),
        ("/ws/live/lofi?ticket=a&ticket=b", None, 401, "credential_invalid"),
        ("/ws/elsewhere", None, 401, "credential_missing"),
    ],
)
async def test_who_may_not_listen_is_told_why_before_the_socket_opens(
    guarded: Open, target: str, name: str | None, status: int, code: str
) -> None:
    async with guarded() as (port, _):
        answer = await refused(port, target, additional_headers=bearer(name) if name else {})
        assert answer.status_code == status
        assert answer.json()["code"] == code
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_ticket_allows_what_its_token_does(guarded: Open) -> None:
    async with guarded() as (port, credentials):
        taken = await ticket(port, "narrow")
        async with listen(port, f"/ws/live/lofi?ticket={taken}") as listener:
            assert (await listener.next())["type"] == "connected"
        assert (await refused(port, f"/ws/live/other?ticket={taken}")).status_code == 403
        del credentials.grants[digest_of("tlm_narrow")]
        assert (await refused(port, f"/ws/live/lofi?ticket={taken}")).status_code == 401


async def test_a_ticket_of_another_deployment_is_none(guarded: Open) -> None:
    async with guarded() as (one, _), guarded() as (other, _):
        taken = await ticket(one, "reader")
        assert (await refused(other, f"/ws/live/lofi?ticket={taken}")).status_code == 401


async def test_who_listens_is_sent_away_when_its_token_is_taken_back(guarded: Open) -> None:
    async with (
        guarded() as (port, credentials),
        listen(port, "/ws/live/lofi", additional_headers=bearer("narrow")) as taken_back,
        listen(port, "/ws/live/lofi", additional_headers=bearer("reader")) as other,
    ):
        await taken_back.take(2)
        await other.take(2)
        del credentials.grants[digest_of("tlm_narrow")]
        code, _, messages = await taken_back.end()
        assert code == 1008
        assert messages[-1]["code"] == "credential_invalid"
        await other.send('{"type":"ping"}')
        assert (await other.next())["type"] == "pong"


async def test_who_listens_is_sent_away_when_its_token_is_for_other_streams_now(guarded: Open) -> None:
    async with (
        guarded() as (port, credentials),
        listen(port, "/ws/live/lofi", additional_headers=bearer("narrow")) as listener,
    ):
        await listener.take(2)
        grant = credentials.grants[digest_of("tlm_narrow")]
        credentials.grants[grant.id] = replace(grant, streams=frozenset({"other"}))
        code, _, messages = await listener.end()
        assert (code, messages[-1]["code"]) == (1008, "access_denied")


async def test_the_host_and_the_rate_count_at_the_socket_too(guarded: Open) -> None:
    async with guarded(allowed_hosts=("127.0.0.1",), rate_limit_per_minute=2) as (port, _):
        foreign = {"Host": "evil.example"} | bearer("reader")
        assert (await refused(port, "/ws/live/lofi", additional_headers=foreign)).status_code == 421
        for _ in range(2):
            async with listen(port, "/ws/live/lofi", additional_headers=bearer("reader")) as listener:
                await listener.next()
        answer = await refused(port, "/ws/live/lofi", additional_headers=bearer("reader"))
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0


async def test_without_tokens_a_ticket_is_had_and_needed_by_nobody() -> None:
    database = MemoryDatabase()
    with database.begin() as transaction:
        transaction.put_stream(a_stream("lofi"))

    @asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        yield memory_ports(database)

    async with run_server(create_app(open_ports)) as (port, _):
        taken = await ticket(port, "reader")
        for target in ("/ws/live/lofi", f"/ws/live/lofi?ticket={taken}"):
            async with listen(port, target) as listener:
                assert (await listener.next())["type"] == "connected"


async def test_a_socket_s_lines_tell_whose_it_was(guarded: Open) -> None:
    async with guarded() as (port, _):
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
            await refused(port, "/ws/live/lofi")
            await refused(port, "/ws/live/other", additional_headers=bearer("narrow"))
            await refused(
                port, "/ws/live/lofi", origin="https://else.example", additional_headers=bearer("reader")
            )
            async with listen(port, "/ws/live/lofi", additional_headers=bearer("reader")) as listener:
                await listener.next()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not any(line["event"] == "live_listener_closed" for line in logs):  # noqa: ASYNC110  (a list)
                    await asyncio.sleep(0.01)
        told = [(line["event"], line.get("token"), line["client"]) for line in logs]
        assert told == [
            ("live_refused", None, "127.0.0.1"),
            ("live_refused", "narrow", "127.0.0.1"),
            ("live_origin_refused", "reader", "127.0.0.1"),
            ("live_listener_closed", "reader", "127.0.0.1"),
        ]


async def test_sockets_that_are_not_opened_are_counted_by_the_reason(guarded: Open) -> None:
    async with guarded() as (port, _):
        await refused(port, "/ws/live/lofi")
        await refused(port, "/ws/live/other", additional_headers=bearer("narrow"))
        for _ in range(2):
            await refused(port, "/ws/live/lofi", additional_headers=bearer("nobody"))
        await refused(
            port, "/ws/live/lofi", origin="https://else.example", additional_headers=bearer("reader")
        )
        async with httpx.AsyncClient() as http:
            told = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    counted = dict(re.findall(r'^telemetra_live_refused_total\{reason="(\w+)"\} (\S+)$', told, re.MULTILINE))
    assert counted == {
        "credential_missing": "1.0",
        "credential_invalid": "2.0",
        "access_denied": "1.0",
        "origin_not_allowed": "1.0",
        "host_not_allowed": "0.0",
        "too_many_requests": "0.0",
    }
