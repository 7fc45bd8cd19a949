"""Faults of a service: killed, restarted, stopped. Clients go on with the other."""

from __future__ import annotations

import asyncio
import signal
from time import monotonic
from typing import Final

from bench.soak.blows import Blow
from bench.soak.probes import Watch
from bench.soak.stage import ALL, AWAY, STOPPED_SECONDS, TAKEOVER_SECONDS, Stage, goes_on

_GRACE_SECONDS: Final = 10.0
_DOWN_SECONDS: Final = 1.0


async def kill_service(stage: Stage, blow: Blow) -> None:
    """SIGKILL: clients go on with the other."""
    victim = blow.target = stage.victim()
    blow.excuse("connection", "cut", "refused", "handshake cut", services=(victim,))
    watch = blow.strikes()
    await stage.installation.end(victim, signal.SIGKILL)
    await _come_back(stage, blow, watch, victim)


async def restart_service(stage: Stage, blow: Blow) -> None:
    """SIGTERM, as a rolling deployment does."""
    victim = blow.target = stage.victim()
    blow.excuse("connection", "closed 1012", "refused", "handshake cut", "handshake 503", services=(victim,))
    watch = blow.strikes()
    code = await stage.installation.end(victim, signal.SIGTERM)
    ended = monotonic() - blow.struck_at
    blow.note("it ends with 0", ended if code == 0 else None, within=_GRACE_SECONDS)
    await _come_back(stage, blow, watch, victim)


async def _come_back(stage: Stage, blow: Blow, watch: Watch, victim: int) -> None:
    await blow.measure("the other goes on", goes_on(watch, 1 - victim), within=TAKEOVER_SECONDS)
    await asyncio.sleep(_DOWN_SECONDS)
    await stage.installation.start(victim)
    blow.is_gone()


async def stop_service(stage: Stage, blow: Blow) -> None:
    """SIGSTOP the one that leads: its kernel goes on answering, so that only its silence gives it away."""
    installation = stage.installation
    leader = await installation.leader()
    victim = blow.target = stage.random.choice(ALL) if leader is None else leader
    # When it goes on, all that it had asked PostgreSQL seems to have taken eight seconds.
    blow.excuse("timeout", "silence", "no handshake", "cut", "connection", *AWAY, services=(victim,))
    watch = blow.strikes()
    installation.stop(victim)
    try:
        await blow.measure("the other goes on", goes_on(watch, 1 - victim), within=TAKEOVER_SECONDS)

        async def has_moved() -> bool:
            return await installation.leader() == 1 - victim

        await blow.measure_until("the lead moves", has_moved, within=TAKEOVER_SECONDS)
        await asyncio.sleep(max(0.0, blow.struck_at + STOPPED_SECONDS - monotonic()))
    finally:
        installation.go_on(victim)
    blow.is_gone()
