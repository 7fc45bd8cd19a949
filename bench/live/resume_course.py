"""One course of clients that are cut off while writers write: from the first snapshot to the comparison at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import asyncpg
from bench.live.resume_clients import Client, Tally
from bench.live.resume_rows import read_stored
from bench.live.resume_writers import Writers

Event: TypeAlias = tuple[int, Callable[[], Awaitable[None]]]
"""What is done on the way, and after how many cuts."""

_END_SECONDS: Final = 120.0
"""How long it may take until everybody has heard of the end."""


async def run_course(
    clients: Sequence[Client], writers: Writers, tally: Tally, *, cuts: int, events: Sequence[Event] = ()
) -> None:
    """
    Write and cut until there were so many cuts; then write the end, and wait until every client was told of it.

    Raises:
        ExceptionGroup: a client or a writer could not go on; one that hears nothing of the end is a TimeoutError.

    """
    progress = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        following = [group.create_task(client.run(cuts, progress.set)) for client in clients]
        for client in clients:
            await client.stands.wait()
        async with writers.running():
            for after, event in events:
                await _until_cut(after, tally, progress)
                await event()
            await _until_cut(cuts, tally, progress)
        await writers.finish()
        async with asyncio.timeout(_END_SECONDS):
            await asyncio.wait(following)


async def compare(clients: Sequence[Client], connection: asyncpg.Connection) -> None:
    """Hold what the clients have against what is stored, when nobody writes any more."""
    for client in clients:
        client.compare(*await read_stored(connection, client.stream_id))


async def _until_cut(times: int, tally: Tally, progress: asyncio.Event) -> None:
    while tally.cuts < times:
        progress.clear()
        await progress.wait()
