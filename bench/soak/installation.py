"""What is soaked: one PostgreSQL, one Redis, and two services on fixed ports that share nothing else."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final

import psutil
from bench.live.database import Database
from bench.live.database_service import Service, start_service
from bench.soak.options import HEARTBEAT_SECONDS, SERVICES, STALL_SECONDS
from bench.soak.own_redis import OwnRedis, run_redis

from telemetra.adapters.embedded import EngineEndpoints, run_engines

_SETTINGS: Final = {
    "LIVE_HEARTBEAT": str(HEARTBEAT_SECONDS),
    "LIVE_STALL_TIMEOUT": str(STALL_SECONDS),
    # Full within minutes, so that what grows later is something else.
    "CACHE_MEMORY_BYTES": str(8 * 1024**2),
}
_LEADER: Final = """
    select client_port from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and classid = $1 and granted
"""
_LEAD: Final = int.from_bytes(b"live", "big")


@dataclass(slots=True)
class Life:
    """One process of a service, from its start to its end."""

    service: int
    pid: int
    began: float
    ended: float | None = None
    is_to_end: bool = False


@dataclass(slots=True)
class Installation:
    """The engines and the services, each of which can be ended, stopped and started apart."""

    database: Database
    redis: OwnRedis
    lives: list[Life] = field(default_factory=list)
    _services: dict[int, Service] = field(default_factory=dict)

    @property
    def ports(self) -> list[int]:
        """Where the services listen, whether they run or not."""
        return [self._services[number].port for number in range(SERVICES)]

    def log(self, number: int) -> Path:
        """Return the log of a service, of all its lives."""
        return self.database.home / f"service-{self._services[number].port}.log"

    def living(self) -> list[Life]:
        """Return the processes that run."""
        return [life for life in self.lives if life.ended is None]

    async def start(self, number: int) -> None:
        """Start a service, the second time at the same address; return when it answers."""
        port = self._services[number].port if number in self._services else 0
        service = await start_service(self.database, port=port, **_SETTINGS)
        self._services[number] = service
        self.lives.append(Life(number, service.pid, monotonic()))

    async def end(self, number: int, signal_number: int) -> int | None:
        """End a service, and return its exit code."""
        life = self._life(number)
        life.is_to_end = True
        code = await self._services[number].end(signal_number)
        life.ended = monotonic()
        return code

    async def revive(self) -> list[str]:
        """Start those again that ended by themselves, and say of each how."""
        said = []
        for life in self.living():
            code = self._services[life.service].exit_code
            if code is not None and not life.is_to_end:
                life.ended = monotonic()
                said.append(f"service {life.service + 1}, process {life.pid}, ended by itself with {code}")
                await self.start(life.service)
        return said

    def stop(self, number: int) -> None:
        """Have a service stand still."""
        psutil.Process(self._life(number).pid).suspend()

    def go_on(self, number: int) -> None:
        """Let a service go on."""
        psutil.Process(self._life(number).pid).resume()

    def postgres_family(self) -> list[psutil.Process]:
        """Return all processes of PostgreSQL, the first one first."""
        postmaster = self.database.postmaster()
        return [postmaster, *postmaster.children(recursive=True)]

    async def leader(self) -> int | None:
        """Return the service that has the lead: the one whose end of the connection holds the lock."""
        async with self.database.connected() as connection:
            port = await connection.fetchval(_LEADER, _LEAD)
        for life in self.living():
            if port in _local_ports(life.pid):
                return life.service
        return None

    async def end_all(self) -> None:
        """End whatever still runs."""
        for life in self.living():
            with suppress(psutil.NoSuchProcess):
                self.go_on(life.service)
            await self.end(life.service, signal.SIGTERM)

    def _life(self, number: int) -> Life:
        return next(life for life in self.living() if life.service == number)


@asynccontextmanager
async def install(home: Path) -> AsyncIterator[Installation]:
    """Run everything, migrated and empty, for the time of the block."""
    async with AsyncExitStack() as stack:
        endpoints = await stack.enter_async_context(run_engines(home / "data", redis=False))
        redis = await stack.enter_async_context(run_redis(home))
        database = Database(
            EngineEndpoints(postgres=endpoints.postgres, redis=redis.place, owner_pid=endpoints.owner_pid),
            home,
        )
        await database.migrate()
        installation = Installation(database, redis)
        stack.push_async_callback(installation.end_all)
        for number in range(SERVICES):
            await installation.start(number)
        yield installation


def _local_ports(pid: int) -> Iterator[int]:
    for connection in psutil.Process(pid).net_connections(kind="tcp"):
        yield connection.laddr.port
