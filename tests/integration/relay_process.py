"""
One process of a deployment, reduced to its relay: what the fault tests run, stop and kill.

It takes its servers' addresses (JSON) as its one argument, prints the id of every moment that it is told of, and ends with
its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from telemetra.adapters.postgres import PostgresAddress, open_postgres
from telemetra.adapters.redis import open_redis
from telemetra.domain.changes import ChangePage, Step, StreamSnapshot
from telemetra.domain.moments import Moment
from telemetra.domain.ports import ChangeFeed, WantedStreams, every_stream
from telemetra.domain.positions import Position
from telemetra.entrypoints.live.relay import Relay
from tests.contract.listener import Copy

STREAM = "lofi"
PATIENCE_SECONDS = 30.0


class WatchedFeed:
    """A `ChangeFeed` that says who leads and who stands in."""

    def __init__(self, feed: ChangeFeed) -> None:
        self._feed = feed
        self.leads = Switch()
        self.stands_in = Switch()

    async def snapshot(self, stream_id: str, *, windows: int, moments: int) -> StreamSnapshot:
        return await self._feed.snapshot(stream_id, windows=windows, moments=moments)

    async def since(self, stream_id: str, position: Position, *, limit: int) -> ChangePage:
        return await self._feed.since(stream_id, position, limit=limit)

    async def steps(self, after: Position | None = None) -> AsyncIterator[Step]:
        async for step in self.stands_in.watch(self._feed.steps(after)):
            yield step

    async def lead(
        self, start: Callable[[], Position | None], wanted: WantedStreams = every_stream
    ) -> AsyncIterator[Step]:
        async for step in self.leads.watch(self._feed.lead(start, wanted)):
            yield step


class Switch:
    """On while steps come from somewhere."""

    def __init__(self) -> None:
        self.is_on = False
        self.begun = 0
        """How often it was turned on."""
        self._turned = asyncio.Event()

    async def on(self, *, times: int = 1) -> None:
        """Wait until it is on, for so many times at least."""
        await self._until(lambda: self.is_on and self.begun >= times)

    async def off(self) -> None:
        await self._until(lambda: not self.is_on)

    async def watch(self, steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
        try:
            async for step in steps:
                self.begun += not self.is_on
                self.is_on = True
                self._turned.set()
                yield step
        finally:
            self.is_on = False
            self._turned.set()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_so():
                self._turned.clear()
                await self._turned.wait()


@dataclass
class Listener:
    """
    A taker that listens to one stream as the hub does: what the position includes is nothing new, a gap is read.

    What it could not be told by steps is noted, and read from the database at the end.
    """

    position: Position | None = None
    copy: Copy = field(default_factory=Copy)
    gaps: list[tuple[Position, Position]] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def streams(self) -> set[str]:
        return {STREAM}

    def take(self, step: Step) -> None:
        self.news.set()
        before, self.position = self.position, self.position or step.after
        if before is None:
            return
        if before.epoch != step.after.epoch:
            self.position, self.copy.must_read_again = step.after, True
            return
        if before.seen.includes(step.after.seen):
            return
        self.position = step.after
        if not before.seen.includes(step.before.seen) or not step.carried or STREAM in step.uncarried:
            self.gaps.append((before, step.after))
            return
        new = [change for change in step.changes.get(STREAM, ()) if not before.seen.sees(change.revision)]
        self.copy.apply(new)
        self.told |= {change.data.moment_id for change in new if isinstance(change.data, Moment)}

    async def reaches(self, position: Position) -> None:
        """Wait until steps have come as far as this."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (self.position and self.position.seen.includes(position.seen)):
                self.news.clear()
                await self.news.wait()

    async def read_gaps(self, feed: ChangeFeed) -> None:
        """Read what the gaps held; what was rewritten since has been told by a later step."""
        for before, after in self.gaps:
            page = await feed.since(STREAM, before, limit=100_000)
            assert not page.more
            self.copy.apply(change for change in page.changes if after.seen.sees(change.revision))


@dataclass
class Process:
    """A relay, the listener that it feeds, and what it reads with."""

    feed: WatchedFeed
    listener: Listener


@asynccontextmanager
async def run_relay(
    address: PostgresAddress, redis_url: str, *, silence_seconds: float = 3.0, first_seconds: float = 0.5
) -> AsyncIterator[Process]:
    """Run a process's relay on these servers, with a listener of one stream."""
    async with (
        open_postgres(address, live_interval_seconds=0.02) as postgres,
        open_redis(redis_url, namespace=postgres.identity) as redis,
        redis.bus.subscribe() as subscription,
    ):
        subscription.follow(STREAM)
        process = Process(WatchedFeed(postgres.feed), Listener())
        async with Relay(
            process.feed,
            redis.bus,
            subscription,
            process.listener,
            silence_seconds=silence_seconds,
            first_seconds=first_seconds,
        ):
            yield process


async def main(postgres: dict[str, Any], redis_url: str) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with run_relay(PostgresAddress(**postgres), redis_url) as process:
        telling = asyncio.create_task(_tell(process))
        await reader.read()
        telling.cancel()


async def _tell(process: Process) -> None:
    printed: set[str] = set()
    print("ready", flush=True)  # noqa: T201  (its parent reads it)
    while True:
        await process.listener.news.wait()
        process.listener.news.clear()
        for moment_id in sorted(process.listener.told - printed):
            print(moment_id, flush=True)  # noqa: T201
        printed |= process.listener.told


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
