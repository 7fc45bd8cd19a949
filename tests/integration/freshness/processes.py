"""
Two processes of one deployment, in this one, over one real database and one real Valkey.

What they hear, when their readings arrive, and what time it is, is the test's to say.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from telemetra.adapters.postgres import PostgresAddress, open_postgres
from telemetra.adapters.redis import open_redis
from telemetra.domain.ports import Ports, StreamReader
from telemetra.domain.positions import Position
from telemetra.domain.queries import ListStreams
from telemetra.entrypoints.app import create_app
from telemetra.settings import Settings
from tests.api.http_service import LiveListener, lifespan, listening
from tests.contract.postgres_script import PostgresScript
from tests.databases import strangers
from tests.integration.freshness.ears import PATIENCE_SECONDS, Clock, Ears, HeardBus, HeardFeed
from tests.integration.freshness.history import History, Subject
from tests.integration.freshness.ways import HeldAnswers, HeldMetrics, HeldMoments, HeldStreams, Ways

WRITERS = 2
"""How many transactions may be open at once."""


@dataclass
class Process:
    """One process, and what it has been told: by steps (its ears know), and by readings for listeners."""

    app: Any
    client: httpx.AsyncClient
    clock: Clock
    ears: Ears
    ways: Ways
    told: dict[str, list[Position]] = field(default_factory=dict)
    """The positions of what was written to listeners, by stream."""
    listeners: dict[str, AsyncExitStack] = field(default_factory=dict)

    def owed(self, subject: Subject, history: History) -> set[int]:
        """
        Return the transactions that no answer from now on may lack.

        In silence it knows nothing, and asks the database, which has them all.
        """
        known = set()
        for commit in history.commits:
            told = [at for id_ in commit.tellers(subject) for at in self.told.get(id_, ())]
            if subject in commit.subjects and (
                self.ears.is_silent
                or any(at.seen.sees(commit.revision) for at in self.ears.heard)
                or any(at.reached.sees(commit.revision) for at in told)
            ):
                known.add(commit.revision)
        return known

    async def listen(self, stream_id: str) -> None:
        """Let a listener in, which notes all that it is told from then on."""
        stack = AsyncExitStack()
        listener = NotingListener(self.told.setdefault(stream_id, []))
        await stack.enter_async_context(listening(self.app, stream_id, listener))
        self.listeners[stream_id] = stack

    async def leave(self, stream_id: str) -> None:
        await self.listeners.pop(stream_id).aclose()

    async def forget(self) -> None:
        """Let all listeners go, and what was told."""
        for stream_id in list(self.listeners):
            await self.leave(stream_id)
        self.told.clear()
        self.ears.heard.clear()


class NotingListener(LiveListener):
    """Notes the position of whatever it is told, at the moment when that is written."""

    def __init__(self, told: list[Position]) -> None:
        super().__init__()
        self._noted = told

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            said = json.loads(message["text"])
            if said["type"] != "connected":
                self._noted.append(Position.parse(said["position"]))
        await super().send(message)


@dataclass(repr=False)
class Deployment:
    """Two processes, of which the first leads; and a stranger's hand on the tables."""

    leader: Process
    other: Process
    script: PostgresScript
    streams: StreamReader

    @property
    def processes(self) -> tuple[Process, Process]:
        return self.leader, self.other

    @property
    def told(self) -> list[Position]:
        """The positions of what was written to listeners."""
        return [at for process in self.processes for told in process.told.values() for at in told]

    async def position(self) -> Position:
        """Return where the database stands."""
        return (await self.streams.list(ListStreams(limit=1))).position

    async def hear(self, process: Process) -> None:
        """
        Let a process hear what it lacks, and that it knows.

        The leader reads it from the database. The other hears what the leader has published; if that is nothing new, the
        leader has something to publish first.
        """
        now, leader, ears = await self.position(), self.leader.ears, process.ears
        if process is self.leader:
            await ears.hear(now)
        elif not ears.has_heard(now) or ears.is_silent:
            if ears.has_met(leader.published):
                await leader.hear(now, publishes=True)
            await ears.hear(leader.published)

    async def lose(self) -> None:
        """Let the leader hear what it lacks, and the bus lose it."""
        now = await self.position()
        if not self.leader.ears.has_heard(now):
            async with self.other.ears.losing() as lost:
                await self.leader.ears.hear(now)
                await lost(now)


@asynccontextmanager
async def run_deployment(address: PostgresAddress, redis_url: str) -> AsyncIterator[Deployment]:
    """Run two processes until the end of the block, which begins when both know where they stand."""
    async with (
        open_postgres(address, live_interval_seconds=1) as postgres,
        _run_process(address, redis_url, leads=True) as leader,
        _run_process(address, redis_url, leads=False) as other,
        strangers(address, most=WRITERS, seconds=PATIENCE_SECONDS) as pool,
    ):
        script = PostgresScript(pool)
        try:
            yield Deployment(leader, other, script, postgres.streams)
        finally:
            await script.aclose()


@asynccontextmanager
async def _run_process(address: PostgresAddress, redis_url: str, *, leads: bool) -> AsyncIterator[Process]:
    clock = Clock()
    ears, ways = Ears(clock), Ways()

    @asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        async with (
            open_postgres(address, live_interval_seconds=0.01) as postgres,
            open_redis(
                redis_url,
                namespace=postgres.identity,
                publish_seconds=PATIENCE_SECONDS,
                get_seconds=PATIENCE_SECONDS,
            ) as redis,
        ):
            yield Ports(
                streams=HeldStreams(postgres.streams, ways),
                metrics=HeldMetrics(postgres.metrics, ways),
                moments=HeldMoments(postgres.moments, ways),
                feed=HeardFeed(postgres.feed, ears, leads),
                bus=HeardBus(redis.bus, ears),
                answers=HeldAnswers(redis.answers, ways),
                database=postgres.probe,
                redis=redis.probe,
            )

    app = create_app(open_ports, Settings(), clock=clock)
    async with (
        lifespan(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", timeout=PATIENCE_SECONDS
        ) as client,
    ):
        await ears.hear(None)
        ears.close()
        yield Process(app, client, clock, ears, ways)
