"""
The faults: each strikes, says what it excuses, waits for what must go on meanwhile, and ends with its cause gone.

The bounds are of docs and tests: another takes over within five seconds, all is good within five after the return of what
was away, and within ten where only a ping can find that out.
"""

from __future__ import annotations

import asyncio
import signal
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final, TypeAlias

import psutil
from bench.live.report import say
from bench.live.staller import Staller
from bench.soak.blows import Blow
from bench.soak.crowd import CrowdProcess
from bench.soak.installation import Installation
from bench.soak.options import BURST, SERVICES, STALL, STALL_SECONDS
from bench.soak.probes import Watch
from bench.soak.writers import BURST_ROWS, Writers

TAKEOVER_SECONDS: Final = 5.0
RECOVERY_SECONDS: Final = 5.0
PING_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 10.0
_UNAFFECTED_SECONDS: Final = 2.0
_STOPPED_SECONDS: Final = 8.0
_POSTGRES_STOPPED_SECONDS: Final = 5.0
_REDIS_AWAY_SECONDS: Final = 5.0
_REDIS_FULL_SECONDS: Final = 10.0
_DOWN_SECONDS: Final = 1.0
_NEWCOMERS: Final = 200
_NEWCOMERS_STAY_SECONDS: Final = 5.0
_FAREWELL_SECONDS: Final = 2.0
_BURST_SECONDS: Final = 60.0
_STALLING_ROWS: Final = 4_000
_ALL: Final = tuple(range(SERVICES))
_AWAY: Final = ("503", "closed 1013")
"""What a client is told while the database is away."""
_STALLING: Final = """
    insert into chat_summary_minute (stream_id, window_start, window_end, top_emotes)
    select $1, start, start + interval '1 minute', array_fill(repeat('x', 100), array[10])
    from generate_series(timestamp '2026-01-01', timestamp '2026-01-01' + ($2::int - 1) * interval '1 minute', interval '1 minute') start
    on conflict (stream_id, window_start, window_end) do update set unique_chatters = chat_summary_minute.unique_chatters + 1
"""
_END_BACKENDS: Final = """
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()
"""


@dataclass(slots=True)
class Stage:
    """Where faults strike."""

    installation: Installation
    crowd: CrowdProcess
    writers: Writers
    random: Random
    spared: frozenset[int] = field(default_factory=frozenset)
    """Services that are not ended any more: what one of them holds must have time to grow."""

    def victim(self) -> int:
        """Choose a service to be ended."""
        return self.random.choice([number for number in _ALL if number not in self.spared])


Fault: TypeAlias = Callable[[Stage, Blow], Awaitable[None]]


def _goes_on(watch: Watch, *services: int) -> Callable[[], float | None]:
    """Return what tells how long it took until these services were good."""

    def seconds() -> float | None:
        each = [watch.seconds(service) for service in services]
        return max((one for one in each if one is not None), default=None) if None not in each else None

    return seconds


async def _kill_service(stage: Stage, blow: Blow) -> None:
    """SIGKILL: clients go on with the other."""
    victim = blow.target = stage.victim()
    blow.excuse("connection", "cut", "refused", "handshake cut", services=(victim,))
    watch = blow.strikes()
    await stage.installation.end(victim, signal.SIGKILL)
    await _come_back(stage, blow, watch, victim)


async def _restart_service(stage: Stage, blow: Blow) -> None:
    """SIGTERM, as a rolling deployment does."""
    victim = blow.target = stage.victim()
    blow.excuse("connection", "closed 1012", "refused", "handshake cut", "handshake 503", services=(victim,))
    watch = blow.strikes()
    code = await stage.installation.end(victim, signal.SIGTERM)
    ended = monotonic() - blow.struck_at
    blow.note("it ends with 0", ended if code == 0 else None, within=_GRACE_SECONDS)
    await _come_back(stage, blow, watch, victim)


async def _come_back(stage: Stage, blow: Blow, watch: Watch, victim: int) -> None:
    await blow.measure("the other goes on", _goes_on(watch, 1 - victim), within=TAKEOVER_SECONDS)
    await asyncio.sleep(_DOWN_SECONDS)
    await stage.installation.start(victim)
    blow.is_gone()


async def _stop_service(stage: Stage, blow: Blow) -> None:
    """SIGSTOP the one that leads: its kernel goes on answering, so that only its silence gives it away."""
    installation = stage.installation
    leader = await installation.leader()
    victim = blow.target = stage.random.choice(_ALL) if leader is None else leader
    # When it goes on, all that it had asked PostgreSQL seems to have taken eight seconds.
    blow.excuse("timeout", "silence", "no handshake", "cut", "connection", *_AWAY, services=(victim,))
    watch = blow.strikes()
    installation.stop(victim)
    try:
        await blow.measure("the other goes on", _goes_on(watch, 1 - victim), within=TAKEOVER_SECONDS)

        async def has_moved() -> bool:
            return await installation.leader() == 1 - victim

        await blow.measure_until("the lead moves", has_moved, within=TAKEOVER_SECONDS)
        await asyncio.sleep(max(0.0, blow.struck_at + _STOPPED_SECONDS - monotonic()))
    finally:
        installation.go_on(victim)
    blow.is_gone()


async def _kill_postgres(stage: Stage, blow: Blow) -> None:
    """SIGKILL the postmaster; its keeper starts another when its children have gone."""
    blow.excuse(*_AWAY, services=_ALL)
    blow.strikes()
    stage.installation.database.postmaster().kill()
    await stage.installation.database.answers()
    blow.is_gone()


async def _end_backends(stage: Stage, blow: Blow) -> None:
    """End every connection to PostgreSQL that there is."""
    blow.excuse(*_AWAY, services=_ALL)
    blow.strikes()
    async with stage.installation.database.connected() as connection:
        await connection.execute(_END_BACKENDS)
    blow.is_gone()


async def _stop_postgres(stage: Stage, blow: Blow) -> None:
    """SIGSTOP it with all its processes: connections stand, and nothing answers."""
    blow.excuse(*_AWAY, services=_ALL)
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


async def _kill_redis(stage: Stage, blow: Blow) -> None:
    """SIGKILL, and empty when it is back: reads and updates go on without it."""
    watch = blow.strikes()
    await stage.installation.redis.kill()
    await blow.measure("both go on", _goes_on(watch, *_ALL), within=TAKEOVER_SECONDS)
    await asyncio.sleep(max(0.0, blow.struck_at + _REDIS_AWAY_SECONDS - monotonic()))
    await stage.installation.redis.start()
    blow.is_gone()


async def _stop_redis(stage: Stage, blow: Blow) -> None:
    """SIGSTOP: connections stand, and nothing answers."""
    watch = blow.strikes()
    stage.installation.redis.stop()
    try:
        await blow.measure("both go on", _goes_on(watch, *_ALL), within=TAKEOVER_SECONDS)
        await asyncio.sleep(max(0.0, blow.struck_at + _STOPPED_SECONDS - monotonic()))
    finally:
        stage.installation.redis.go_on()
    blow.is_gone()


async def _cut_redis(stage: Stage, blow: Blow) -> None:
    """Have it end every connection."""
    blow.strikes()
    for kind in ("pubsub", "normal"):
        await stage.installation.redis.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    blow.is_gone()


async def _fill_redis(stage: Stage, blow: Blow) -> None:
    """Have it refuse whatever would take memory; what is published still goes through."""
    watch = blow.strikes()
    redis = stage.installation.redis
    await redis.command("CONFIG", "SET", "maxmemory", "1")
    try:
        await blow.measure("both go on", _goes_on(watch, *_ALL), within=_UNAFFECTED_SECONDS)
        await asyncio.sleep(max(0.0, blow.struck_at + _REDIS_FULL_SECONDS - monotonic()))
    finally:
        await redis.command("CONFIG", "SET", "maxmemory", "0")
    blow.is_gone()


async def _stall(stage: Stage, blow: Blow) -> None:
    """Let a listener read nothing of what it is sent: it is closed, and others hear nothing of it."""
    installation = stage.installation
    service = blow.target = stage.random.choice(_ALL)
    address = ("127.0.0.1", installation.ports[service])
    log = installation.log(service)
    already = _closed_as_too_slow(log)
    staller = await asyncio.to_thread(Staller, address, f"/ws/live/{STALL}")
    try:
        watch = blow.strikes()
        async with installation.database.connected() as connection:
            await connection.execute(_STALLING, STALL, _STALLING_ROWS)
        await blow.measure("others go on", _goes_on(watch, *_ALL), within=_UNAFFECTED_SECONDS)

        async def is_closed() -> bool:
            return await asyncio.to_thread(_closed_as_too_slow, log) > already

        within = STALL_SECONDS + _FAREWELL_SECONDS + _UNAFFECTED_SECONDS
        await blow.measure_until("closed with 4408", is_closed, within=within)
    finally:
        staller.close()
    blow.is_gone()


def _closed_as_too_slow(log: Path) -> int:
    """Count by the service's log: the client that reads nothing does not read its close frame either."""
    with log.open("rb") as lines:
        return sum(b'"live_listener_closed"' in line and b'"code":4408' in line for line in lines)


async def _flood(stage: Stage, blow: Blow) -> None:
    """Have two hundred listeners come at once, and go again."""
    watch = blow.strikes()
    seconds = await stage.crowd.ask("join", _NEWCOMERS)
    blow.note(f"{_NEWCOMERS} newcomers stand", seconds, within=RECOVERY_SECONDS)
    await blow.measure("others go on", _goes_on(watch, *_ALL), within=_UNAFFECTED_SECONDS)
    await asyncio.sleep(_NEWCOMERS_STAY_SECONDS)
    await stage.crowd.ask("leave")
    blow.is_gone()


async def _burst(stage: Stage, blow: Blow) -> None:
    """Write a hundred thousand rows in one transaction, while some listen to just them."""
    blow.strikes()
    committed_at, least = await stage.writers.burst()
    watch = blow.probes.watch(committed_at)
    await blow.measure("others go on", _goes_on(watch, *_ALL), within=_UNAFFECTED_SECONDS)
    told_at = await stage.crowd.ask("until_burst", least, BURST_ROWS)
    blow.note(
        f"all {BURST_ROWS:,} were told to the {BURST}'s listeners",
        told_at - committed_at,
        within=_BURST_SECONDS,
    )
    blow.is_gone()


FAULTS: Final[Mapping[str, tuple[Fault, float]]] = {
    "service-kill": (_kill_service, RECOVERY_SECONDS),
    "service-term": (_restart_service, RECOVERY_SECONDS),
    "service-stop": (_stop_service, RECOVERY_SECONDS),
    "postgres-kill": (_kill_postgres, RECOVERY_SECONDS),
    "postgres-backends": (_end_backends, RECOVERY_SECONDS),
    "postgres-stop": (_stop_postgres, RECOVERY_SECONDS),
    "redis-kill": (_kill_redis, PING_SECONDS),
    "redis-stop": (_stop_redis, PING_SECONDS),
    "redis-clients": (_cut_redis, PING_SECONDS),
    "redis-full": (_fill_redis, RECOVERY_SECONDS),
    "staller": (_stall, _UNAFFECTED_SECONDS),
    "flood": (_flood, _UNAFFECTED_SECONDS),
    "burst": (_burst, _UNAFFECTED_SECONDS),
}
"""By name: what happens, and in how many seconds all is good again after its cause is gone."""


async def strike(name: str, stage: Stage, blow: Blow) -> None:
    """Let a fault happen, and return when all is good again, or was not for some times its bound."""
    fault, within = FAULTS[name]
    try:
        try:
            await fault(stage, blow)
        except Exception as error:  # noqa: BLE001  (told in the table, and the run goes on)
            say(traceback.format_exc())
            blow.note(f"failed: {type(error).__name__}", None, within=within)
        if blow.gone_at is None:
            blow.is_gone()
        watch = blow.probes.watch(blow.gone_at)
        await blow.measure("all is good again", _goes_on(watch, *_ALL), within=within)
        began = monotonic()
        healthy = [await blow.probes.healthy(service, within) for service in _ALL]
        blow.note("both say that they are well", monotonic() - began if all(healthy) else None, within=within)
    finally:
        blow.end()
