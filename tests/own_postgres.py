"""A PostgreSQL of one test's own, which may be killed, stopped and started anew."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import asyncpg
import psutil

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected, fresh_database, make_template
from tests.engines import run_test_engines

_START_SECONDS = 60.0


class OwnPostgres:
    """A server that no other test uses, with a migrated database in it; its keeper starts it again when it ends."""

    def __init__(self, address: PostgresAddress) -> None:
        self.address = address

    async def process(self) -> psutil.Process:
        """Return the server's first process, and make sure that it descends from this one."""
        async with connected(self.address) as connection:
            pid = int((await connection.fetchval("select pg_read_file('postmaster.pid')")).split()[0])
        process = psutil.Process(pid)
        assert os.getpid() in [parent.pid for parent in process.parents()]
        return process

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """Stop it with all its children for as long as the block lasts: connections stay, and nothing is answered."""
        with _stopped(await self.process()):
            yield

    @asynccontextmanager
    async def killed(self) -> AsyncIterator[None]:
        """Kill it, and let it come back when the block ends; it answers by then."""
        server = await self.process()
        keeper = server.parent()
        assert keeper is not None
        keeper.send_signal(signal.SIGSTOP)
        try:
            children = server.children(recursive=True)
            server.kill()
            await _ended(children)
            yield
        finally:
            keeper.send_signal(signal.SIGCONT)
        await self.answers()

    async def crash(self) -> None:
        """Kill all of it at once, so that nobody writes down anything more; return when it answers again."""
        server = await self.process()
        with _stopped(server):
            children = server.children(recursive=True)
            for process in (server, *children):
                process.kill()
        await _ended(children)
        await self.answers()

    async def restart(self) -> None:
        """Have it end its sessions and shut down in order; return when it answers again."""
        server = await self.process()
        server.send_signal(signal.SIGINT)
        await _ended([server])
        await self.answers()

    async def answers(self) -> None:
        """Wait until it answers one who knows nothing of it."""
        async with asyncio.timeout(_START_SECONDS):
            while True:
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    async with connected(self.address) as connection:
                        await connection.fetchval("select 1")
                        return
                await asyncio.sleep(0.02)


async def _ended(processes: Iterable[psutil.Process]) -> None:
    """Wait until none of these runs; one that nobody has asked after yet no longer does."""
    async with asyncio.timeout(_START_SECONDS):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                while process.status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110  (it is no child of ours)
                    await asyncio.sleep(0.01)


@contextmanager
def _stopped(server: psutil.Process) -> Iterator[None]:
    """
    Stop a server with all its children.

    The server is stopped first and goes on last: in between it starts no child, and takes no ended one off the table of
    processes.
    """
    server.send_signal(signal.SIGSTOP)
    children = server.children(recursive=True)
    try:
        for child in children:
            child.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in (*children, server):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def own_postgres() -> AsyncIterator[OwnPostgres]:
    """Run a server, and yield it with a database at the newest schema, without rows."""
    async with run_test_engines(redis=False) as endpoints:
        assert endpoints.postgres is not None
        template = await make_template(endpoints.postgres)
        async with fresh_database(endpoints.postgres, template=template) as address:
            yield OwnPostgres(address)
