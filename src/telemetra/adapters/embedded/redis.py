"""The local Valkey (or Redis): a cache and a bus, so nothing of it is kept on disk."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from telemetra.adapters.embedded.binaries import EngineBinaries
from telemetra.adapters.embedded.endpoints import RedisEndpoint
from telemetra.adapters.embedded.identity import engine_user, make_home
from telemetra.adapters.embedded.kept import KeptEngine, Order, keep
from telemetra.adapters.embedded.ports import LOOPBACK, free_port, on_a_free_port

_READY_SECONDS = 20.0
_PROBE_SECONDS = 1.0
_STOP = ((signal.SIGTERM, 5.0),)

# The least recently used answers make room: a cache that is full must not refuse.
_CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
requirepass {password}
save ""
appendonly no
maxmemory 256mb
maxmemory-policy allkeys-lru
daemonize no
"""


@asynccontextmanager
async def run_redis(
    data_dir: Path, binaries: EngineBinaries, lock: int, *, choose_port: Callable[[], int] = free_port
) -> AsyncIterator[RedisEndpoint]:
    """Run a Valkey of this data directory; raises EngineFailed."""
    async with on_a_free_port(choose_port, lambda port: _run(data_dir, binaries, lock, port)) as endpoint:
        yield endpoint


@asynccontextmanager
async def _run(
    data_dir: Path, binaries: EngineBinaries, lock: int, port: int
) -> AsyncIterator[RedisEndpoint]:
    home = data_dir / "redis"
    user = engine_user(home)
    if home.exists():
        shutil.rmtree(home)
    endpoint = RedisEndpoint(host=LOOPBACK, port=port, password=secrets.token_urlsafe(24))
    configuration = _CONFIGURATION.format(host=LOOPBACK, port=port, password=endpoint.password)
    make_home(home, user, {"redis.conf": configuration})
    program = binaries.redis_program()
    order = Order(
        name=program.name,
        command=[str(program), str(home / "redis.conf")],
        user=user,
        workdir=home,
        reach=[program, home],
        stop=_STOP,
        lock=lock,
        log=data_dir / "redis.log",
    )
    async with keep(order) as engine:
        await _ready(engine, endpoint)
        yield endpoint


async def _ready(engine: KeptEngine, endpoint: RedisEndpoint) -> None:
    async def answers() -> bool | None:
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                return await _ping(endpoint)
        except (OSError, TimeoutError, EOFError):
            return None

    await engine.until_ready(answers, _READY_SECONDS)


async def _ping(endpoint: RedisEndpoint) -> bool | None:
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        writer.write(f"AUTH {endpoint.password}\r\nPING\r\n".encode())
        return (
            True if [await reader.readline(), await reader.readline()] == [b"+OK\r\n", b"+PONG\r\n"] else None
        )
    finally:
        writer.close()
