"""Faults of what the services need: PostgreSQL and Redis killed, stopped, cut off, full."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Final

import psutil
from bench.soak.blows import Blow
from bench.soak.stage import ALL, AWAY, STOPPED_SECONDS, TAKEOVER_SECONDS, UNAFFECTED_SECONDS, Stage, goes_on

_POSTGRES_STOPPED_SECONDS: Final = 5.0
_REDIS_AWAY_SECONDS: Final = 5.0
_REDIS_FULL_SECONDS: Final = 10.0
_END_BACKENDS: Final = """
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()
"""


async def kill_postgres(stage: Stage, blow: Blow) -> None:
    """SIGKILL the postmaster; its keeper starts another when its children have gone."""
    blow.excuse(*AWAY, services=ALL)
    blow.strikes()
    stage.installation.database.postmaster().kill()
    await stage.installation.database.answers()
    blow.is_gone()


async def end_backends(stage: Stage, blow: Blow) -> None:
    """End every connection to PostgreSQL that there is."""
    blow.excuse(*AWAY, services=ALL)
    blow.strikes()
    async with stage.installation.database.connected() as connection:
        await connection.execute(_END_BACKENDS)
    blow.is_gone()


async def stop_postgres(stage: Stage, blow: Blow) -> None:
    """SIGSTOP it with all its processes: connections stand, and nothing answers."""
    blow.excuse(*AWAY, services=ALL)
    family = stage.installation.postgres_family()
    blow.strikes()
    try:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        await asyncio.sleep(_POSTGRES_STOPPED_SECONDS)
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()
    blow.is_gone()


async def kill_redis(stage: Stage, blow: Blow) -> None:
    """SIGKILL, and empty when it is back: reads and updates go on without it."""
    watch = blow.strikes()
    await stage.installation.redis.kill()
    await blow.measure("both go on", goes_on(watch, *ALL), within=TAKEOVER_SECONDS)
    await asyncio.sleep(max(0.0, blow.struck_at + _REDIS_AWAY_SECONDS - monotonic()))
    await stage.installation.redis.start()
    blow.is_gone()


async def stop_redis(stage: Stage, blow: Blow) -> None:
    """SIGSTOP: connections stand, and nothing answers."""
    watch = blow.strikes()
    stage.installation.redis.stop()
    try:
        await blow.measure("both go on", goes_on(watch, *ALL), within=TAKEOVER_SECONDS)
        await asyncio.sleep(max(0.0, blow.struck_at + STOPPED_SECONDS - monotonic()))
    finally:
        stage.installation.redis.go_on()
    blow.is_gone()


async def cut_redis(stage: Stage, blow: Blow) -> None:
    """Have it end every connection."""
    blow.strikes()
    for kind in ("pubsub", "normal"):
        await stage.installation.redis.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    blow.is_gone()


async def fill_redis(stage: Stage, blow: Blow) -> None:
    """Have it refuse whatever would take memory; what is published still goes through."""
    watch = blow.strikes()
    redis = stage.installation.redis
    await redis.command("CONFIG", "SET", "maxmemory", "1")
    try:
        await blow.measure("both go on", goes_on(watch, *ALL), within=UNAFFECTED_SECONDS)
        await asyncio.sleep(max(0.0, blow.struck_at + _REDIS_FULL_SECONDS - monotonic()))
    finally:
        await redis.command("CONFIG", "SET", "maxmemory", "0")
    blow.is_gone()
