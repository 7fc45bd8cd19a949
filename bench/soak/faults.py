"""The faults by name, and how one strikes: what it excuses ends when all is good again, or was not for some times its bound."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from time import monotonic
from typing import Final

from bench.live.report import say
from bench.soak import engine_faults, load_faults, service_faults
from bench.soak.blows import Blow
from bench.soak.stage import ALL, PING_SECONDS, RECOVERY_SECONDS, UNAFFECTED_SECONDS, Fault, Stage, goes_on

FAULTS: Final[Mapping[str, tuple[Fault, float]]] = {
    "service-kill": (service_faults.kill_service, RECOVERY_SECONDS),
    "service-term": (service_faults.restart_service, RECOVERY_SECONDS),
    "service-stop": (service_faults.stop_service, RECOVERY_SECONDS),
    "postgres-kill": (engine_faults.kill_postgres, RECOVERY_SECONDS),
    "postgres-backends": (engine_faults.end_backends, RECOVERY_SECONDS),
    "postgres-stop": (engine_faults.stop_postgres, RECOVERY_SECONDS),
    "redis-kill": (engine_faults.kill_redis, PING_SECONDS),
    "redis-stop": (engine_faults.stop_redis, PING_SECONDS),
    "redis-clients": (engine_faults.cut_redis, PING_SECONDS),
    "redis-full": (engine_faults.fill_redis, RECOVERY_SECONDS),
    "staller": (load_faults.stall, UNAFFECTED_SECONDS),
    "flood": (load_faults.flood, UNAFFECTED_SECONDS),
    "burst": (load_faults.burst, UNAFFECTED_SECONDS),
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
        await blow.measure("all is good again", goes_on(watch, *ALL), within=within)
        began = monotonic()
        healthy = [await blow.probes.healthy(service, within) for service in ALL]
        blow.note("both say that they are well", monotonic() - began if all(healthy) else None, within=within)
    finally:
        blow.end()
