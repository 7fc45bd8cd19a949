"""The local PostgreSQL: made once, then run as a direct child of its keeper."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from telemetra.adapters.embedded.binaries import EngineBinaries
from telemetra.adapters.embedded.cluster import CLUSTER, PASSWORD, SUPERUSER, make_cluster
from telemetra.adapters.embedded.endpoints import PostgresEndpoint
from telemetra.adapters.embedded.errors import EngineFailed
from telemetra.adapters.embedded.identity import engine_user
from telemetra.adapters.embedded.kept import KeptEngine, Order, keep
from telemetra.adapters.embedded.leftovers import forget_dead_postmaster
from telemetra.adapters.embedded.ports import LOOPBACK, free_port, on_a_free_port

_DATABASE = "telemetra"
_READY_SECONDS = 600.0
"""As long as recovery after a crash in the middle of a bulk load may take on a slow disk."""
_PROBE_SECONDS = 5.0

# Fast: roll back and checkpoint. Immediate: the next start recovers. Both lose nothing that was committed.
_STOP = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0))

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a path under a deep data directory would be too long for one
    "cluster_name": "telemetra",
    "max_connections": "200",  # a pool of ten for each of a few workers, and whoever writes
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "logical",  # writers may replicate in, and readers out, without a restart
    "max_prepared_transactions": "20",  # off by default, and then JDBC writers in two phases are refused
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@asynccontextmanager
async def run_postgres(
    data_dir: Path,
    binaries: EngineBinaries,
    lock: int,
    *,
    durable: bool,
    choose_port: Callable[[], int] = free_port,
) -> AsyncIterator[PostgresEndpoint]:
    """Run the PostgreSQL of this data directory, made when there is none yet; raises EngineFailed."""
    home = data_dir / "postgres"
    if not home.exists():
        await make_cluster(home, binaries, lock, data_dir / "initdb.log", durable=durable)
    forget_dead_postmaster(home / CLUSTER)
    async with on_a_free_port(
        choose_port, lambda port: _run(data_dir, binaries, lock, port, durable=durable)
    ) as endpoint:
        yield endpoint


@asynccontextmanager
async def _run(
    data_dir: Path, binaries: EngineBinaries, lock: int, port: int, *, durable: bool
) -> AsyncIterator[PostgresEndpoint]:
    home = data_dir / "postgres"
    program = binaries.postgres_program("postgres")
    settings = _SETTINGS | ({} if durable else _NOT_DURABLE) | {"port": str(port)}
    order = Order(
        name="PostgreSQL",
        command=[str(program), "-D", str(home / CLUSTER), *(f"--{key}={settings[key]}" for key in settings)],
        user=engine_user(home),
        workdir=home,
        reach=[program, home],
        stop=_STOP,
        lock=lock,
        log=data_dir / "postgres.log",
    )
    endpoint = PostgresEndpoint(
        host=LOOPBACK,
        port=port,
        user=SUPERUSER,
        password=(home / PASSWORD).read_text(encoding="utf-8"),
        database=_DATABASE,
    )
    async with keep(order) as engine:
        await _ready(engine, endpoint)
        yield endpoint


async def _ready(engine: KeptEngine, endpoint: PostgresEndpoint) -> None:
    """Wait until our database answers, and make it on the way when it is missing."""

    async def answers() -> bool | None:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await _execute(endpoint, endpoint.database, "select 1")
        except asyncpg.InvalidCatalogNameError:
            await _execute(endpoint, "postgres", f"create database {endpoint.database}")
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return None
        except asyncpg.PostgresError as error:
            raise EngineFailed(f"PostgreSQL: {error}") from error
        return True

    await engine.until_ready(answers, _READY_SECONDS)


async def _execute(endpoint: PostgresEndpoint, database: str, statement: str) -> None:
    connection = await asyncpg.connect(
        host=endpoint.host,
        port=endpoint.port,
        user=endpoint.user,
        password=endpoint.password,
        database=database,
        ssl=False,
    )
    try:
        await connection.execute(statement)
    finally:
        connection.terminate()
