"""
A PostgreSQL and a Valkey of the benchmark's own, for the parts that write to a database.

Everything is a child of this process and lives in a temporary directory.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import asyncpg
import psutil

from telemetra.adapters.embedded import EngineBinaries, EngineEndpoints, PostgresEndpoint, run_engines

START_SECONDS: Final = 120.0
_END_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.05
LOG_TAIL_BYTES: Final = 4_000
_COMMAND_SECONDS: Final = 3_600.0
"""Filling and migrating ten million rows on a slow disk takes its time."""


class Database:
    """A PostgreSQL and a Valkey of the benchmark's own, in `home`."""

    def __init__(self, endpoints: EngineEndpoints, home: Path) -> None:
        assert endpoints.postgres is not None  # noqa: S101  (asked for)
        assert endpoints.redis is not None  # noqa: S101
        self.postgres: PostgresEndpoint = endpoints.postgres
        self.home = home
        self._redis = endpoints.redis

    async def connect(self, database: str | None = None, **server_settings: str) -> asyncpg.Connection:
        """Open a connection, as any writer would."""
        return await asyncpg.connect(
            **self.way_in(database),
            ssl=False,
            timeout=10,
            command_timeout=_COMMAND_SECONDS,
            server_settings=server_settings,
        )

    @asynccontextmanager
    async def connected(self, database: str | None = None) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection."""
        connection = await self.connect(database)
        try:
            yield connection
        finally:
            await connection.close(timeout=10)

    async def execute(self, *statements: str, database: str | None = None) -> None:
        """Run statements, each in a transaction of its own."""
        async with self.connected(database) as connection:
            for statement in statements:
                await connection.execute(statement)

    async def migrate(self, database: str | None = None) -> None:
        """Run `telemetra migrate`."""
        await self._run(sys.executable, "-m", "telemetra", "migrate", environ=self.settings(database))

    async def pgbench(self, *arguments: str, database: str | None = None) -> str:
        """Run pgbench against a database and return what it printed."""
        way_in = self.way_in(database)
        names = {
            "host": "PGHOST",
            "port": "PGPORT",
            "user": "PGUSER",
            "password": "PGPASSWORD",
            "database": "PGDATABASE",
        }
        environ = {names[name]: str(value) for name, value in way_in.items()}
        return await self._run(str(pgbench()), "--no-vacuum", *arguments, environ=environ)

    def settings(self, database: str | None = None) -> dict[str, str]:
        """Return the environment that leads `telemetra` to this database."""
        return {
            "POSTGRES_HOST": self.postgres.host,
            "POSTGRES_PORT": str(self.postgres.port),
            "POSTGRES_USER": self.postgres.user,
            "POSTGRES_PASSWORD": self.postgres.password,
            "POSTGRES_DB": database or self.postgres.database,
            "POSTGRES_SSL": "disable",
            "REDIS_URL": self._redis.url,
            "TELEMETRA_DATA_DIR": str(self.home / "unused"),
        }

    def postmaster(self) -> psutil.Process:
        """Return PostgreSQL's first process, after a look whether it is really the one that we started."""
        cluster = self.home / "data" / "postgres" / "cluster"
        process = psutil.Process(int((cluster / "postmaster.pid").read_text().split("\n", 1)[0]))
        ours = str(cluster) in process.cmdline() and os.getpid() in {
            parent.pid for parent in process.parents()
        }
        if not ours:
            raise RuntimeError(f"process {process.pid} is not the PostgreSQL of this run")
        return process

    def valkey(self) -> psutil.Process:
        """Return Valkey's process, found among our own by the port that it listens on."""
        for process in psutil.Process().children(recursive=True):
            if any(word.endswith(f":{self._redis.port}") for word in process.cmdline()):
                return process
        raise RuntimeError("there is no Valkey of this run")

    def stop_log_writers(self) -> None:
        """Stop those processes of PostgreSQL that write the log without being asked; only until a kill."""
        for process in self.postmaster().children():
            if any(
                name in " ".join(process.cmdline())
                for name in ("walwriter", "background writer", "checkpointer")
            ):
                process.suspend()

    def kill(self) -> None:
        """Kill PostgreSQL with all its processes, as a power cut would but for the disk; its keeper starts it again."""
        postmaster = self.postmaster()
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    async def answers(self) -> None:
        """Wait until it does, after a kill."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await self.execute("select 1")
                    return
                await asyncio.sleep(LOOK_SECONDS)

    def way_in(self, database: str | None = None) -> dict[str, str | int]:
        """Return what any driver needs to connect."""
        there = self.postgres
        return {
            "host": there.host,
            "port": there.port,
            "user": there.user,
            "password": there.password,
            "database": database or there.database,
        }

    async def _run(self, *command: str, environ: dict[str, str]) -> str:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment(self.home, environ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.home,
        )
        try:
            out, errors = await asyncio.wait_for(process.communicate(), _COMMAND_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {errors.decode()[-LOG_TAIL_BYTES:]}")
        return out.decode()


@asynccontextmanager
async def run_database(home: Path, *, durable: bool = True) -> AsyncIterator[Database]:
    """Run the engines of `home`, made when there are none; a second run finds the rows of the first."""
    async with run_engines(home / "data", durable=durable) as endpoints:
        yield Database(endpoints, home)


@asynccontextmanager
async def temporary_home() -> AsyncIterator[Path]:
    """Lend a directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="telemetra-bench-") as directory:
        yield Path(directory)


def pgbench() -> Path:
    """Return the program that came with the packaged PostgreSQL."""
    directory = EngineBinaries.packaged().postgres_bin
    if directory is None or not (directory / "pgbench").exists():
        raise RuntimeError("no pgbench is packaged for this platform")
    return directory / "pgbench"


def median_of(values: Sequence[float]) -> float:
    """Return the middle value; of an even number the lower one of the two, so that it is one that was measured."""
    return sorted(values)[(len(values) - 1) // 2]


def environment(home: Path, settings: dict[str, str]) -> dict[str, str]:
    """
    Return an environment with no setting of the machine's own, and a home that is empty.

    The service is to be of the tree that the benchmark is of, where PYTHONPATH says which that is.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    return {**kept, "HOME": str(home), **settings}
