"""Real frames of a real service, each held against both documents as the service serves them."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected
from tests.documented import Documented, spoilt
from tests.e2e.service import Service, external, serving

PATIENCE_SECONDS = 30.0
STREAM = "lofi"
ROWS = """
    insert into streams (stream_id, title) values ('lofi', 'lofi nights');
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes,
        avg_sentiment, chat_rate, avg_viewers, z_score, is_anomaly)
    values ('lofi', '2026-05-01 18:00', '2026-05-01 18:01', 300, 120, '{KEKW,LUL}', 0.25, 5, 1800.5, 4.5, true),
        -- What other writers may leave out, and what JSON has no words for.
        ('lofi', '2026-05-01 18:01', '2026-05-01 18:01:00.5', 0, 0, null, null, 'NaN', 'infinity', null, null);
    insert into moments (stream_id, timestamp, moment_type, description, metric_name, metric_value, threshold, z_score,
        metadata)
    values ('lofi', '2026-05-01 18:00', 'chat_spike', 'Chat jumped.', 'chat_count', 300, 200, 4.5,
            '{"baseline_windows": 30, "of": {"another": ["writer", null]}}'),
        ('lofi', '2026-05-01 18:01:00.25', 'sentiment_shift', null, null, 'NaN', null, '-infinity', '["no object"]'),
        ('lofi', '2026-05-01 18:02', 'viewer_spike', null, null, null, null, null, null)
"""
CHANGES = (
    ("update streams set title = null, updated_at = '2026-05-01 19:00'", "stream"),
    ("update chat_summary_minute set chat_count = chat_count + 1", "metrics"),
    ("update moments set description = coalesce(description, 'Something') || '!'", "moment"),
    ("delete from moments where moment_type = 'viewer_spike'", "removed moment_id"),
    ("delete from chat_summary_minute where chat_count = 1", "removed window"),
    ("delete from streams", "removed stream"),
    ("truncate moments", "removed all"),
)
"""Each with what a listener is told of it: before the next, since what comes and goes at once is not told at all."""


@dataclass(frozen=True)
class Contract:
    """Both documents, as a service serves them."""

    openapi: Documented
    asyncapi: Documented

    @classmethod
    async def of(cls, service: Service) -> Contract:
        documents = [(await service.get(f"/{name}.json")).json() for name in ("openapi", "asyncapi")]
        return cls(*map(Documented, documents))

    def messages(self, action: str) -> set[str]:
        """Return the types of messages that the service sends, or receives."""
        told = self.asyncapi.document["operations"].values()
        references = [
            one for operation in told if operation["action"] == action for one in operation["messages"]
        ]
        if action == "send":
            references += [
                one for operation in told for one in operation.get("reply", {}).get("messages", [])
            ]
        return {reference["$ref"].rpartition("/")[2] for reference in references}

    def closing(self, code: int) -> dict[str, Any]:
        """Return what is told of a close code."""
        (channel,) = self.asyncapi.document["channels"].values()
        (closing,) = (one for one in channel["x-close-codes"] if one["code"] == code)
        return dict(closing)

    def mismatches(self, frame: Any) -> list[str]:
        """Say in what a message is not what either document says of its type."""
        schema = self.asyncapi.message(frame["type"])
        return [
            *self.asyncapi.mismatches(frame, schema),
            *self.openapi.mismatches(frame, schema),
            *self.openapi.mismatches(frame, "LiveMessage"),
        ]


class Hearing:
    """A listener that keeps all that it is told."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.frames: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            text = await self._socket.recv()
        # A binary frame would come as bytes.
        assert isinstance(text, str)
        self.frames.append(json.loads(text))
        return self.frames[-1]

    async def until(self, *kinds: str) -> None:
        """Hear until each of these kinds has come once more."""
        awaited = set(kinds)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while awaited:
                awaited.discard(_kind(await self.next()))

    async def closed(self) -> tuple[int, str]:
        """Hear until the server closes; return the code and the reason."""
        while True:
            try:
                await self.next()
            except ConnectionClosed as closed:
                # Without a close of the server's there is no code, which no document tells.
                return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")

    async def say(self, text: str) -> None:
        await self._socket.send(text)


def _kind(frame: dict[str, Any]) -> str:
    """Return the type of a message, of a removal with what was removed."""
    if frame["type"] != "removed":
        return str(frame["type"])
    (what,) = (name for name, value in frame["data"].items() if value)
    return f"removed {what}"


@pytest.fixture
async def writer(database: PostgresAddress) -> AsyncIterator[asyncpg.Connection]:
    """A stranger's connection, and a stream with rows of every shape."""
    async with connected(database) as connection:
        await connection.execute(ROWS)
        yield connection


@pytest.fixture
async def service(
    tmp_path: Path, database: PostgresAddress, redis_url: str, writer: asyncpg.Connection
) -> AsyncIterator[Service]:
    settings = {"LIVE_HEARTBEAT": "1", "LIVE_MAX_LISTENERS": "2"}
    async with serving(tmp_path / "data", **external(database, redis_url), **settings) as running:
        yield running


@pytest.fixture
async def listeners(service: Service) -> AsyncIterator[Listeners]:
    async with AsyncExitStack() as stack:
        yield Listeners(service, stack)


class Listeners:
    """Connects to the service, until the test is over."""

    def __init__(self, service: Service, stack: AsyncExitStack) -> None:
        self._service = service
        self._stack = stack

    async def join(self, stream_id: str = STREAM, query: str = "") -> Hearing:
        url = f"{self._service.live_url}/{stream_id}{query}"
        return Hearing(await self._stack.enter_async_context(connect(url, open_timeout=PATIENCE_SECONDS)))


async def test_every_type_of_message_is_as_both_documents_say(
    service: Service, listeners: Listeners, writer: asyncpg.Connection
) -> None:
    contract = await Contract.of(service)
    hearing = await listeners.join()
    await hearing.until("connected", "snapshot")
    for change, kind in CHANGES:
        await writer.execute(change)
        await hearing.until(kind)
    await hearing.until("heartbeat")
    assert contract.messages("receive") == {"ping"}
    for example in contract.asyncapi.document["components"]["messages"]["ping"]["examples"]:
        await hearing.say(json.dumps(example["payload"]))
        await hearing.until("pong")
    await hearing.say("What is this?")
    await hearing.until("error")
    resumed = await listeners.join(query=f"?since={hearing.frames[1]['position']}")
    await resumed.until("connected", "removed all")

    frames = [*hearing.frames, *resumed.frames]
    # A type that is told and never came would not have been looked at.
    assert {frame["type"] for frame in frames} == contract.messages("send")
    assert [(frame, wrong) for frame in frames if (wrong := contract.mismatches(frame))] == []
    assert _spoilt_and_unseen(contract, frames) == []


def _spoilt_and_unseen(contract: Contract, frames: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what could be wrong with one frame of each kind, and neither document would see."""
    return [
        (kind, what)
        for kind, frame in {_kind(frame): frame for frame in frames}.items()
        for what, worse in spoilt(frame)
        # What a moment was compared with is its writer's own.
        if "metadata: " not in what
        for document in (contract.asyncapi, contract.openapi)
        if not document.mismatches(worse, contract.asyncapi.message(frame["type"]))
    ]


async def test_every_end_is_announced_as_the_documents_say(service: Service, listeners: Listeners) -> None:
    contract = await Contract.of(service)
    ends = {}

    unknown = await listeners.join("nobody")
    ends["stream_not_found"] = unknown, await unknown.closed()

    rude = await listeners.join()
    await rude.say("?")
    await rude.say("?")
    ends["policy"] = rude, await rude.closed()

    large = await listeners.join()
    await large.say("x" * 100_000)
    ends["too_large"] = large, await large.closed()

    staying = [await listeners.join() for _ in range(2)]
    for one in staying:
        await one.until("snapshot")
    too_many = await listeners.join()
    ends["try_again"] = too_many, await too_many.closed()

    service.process.send_signal(signal.SIGTERM)
    ends["restart"] = staying[0], await staying[0].closed()

    for name, (hearing, (code, reason)) in ends.items():
        closing = contract.closing(code)
        assert closing["name"] == name
        assert reason.startswith("reconnect_after_ms=") == closing["advises_pause"]
        assert [wrong for frame in hearing.frames for wrong in contract.mismatches(frame)] == []
