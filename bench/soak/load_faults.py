"""Faults that clients make: one that reads nothing, hundreds at once, a transaction of a hundred thousand rows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from bench.live.staller import Staller
from bench.soak.blows import Blow
from bench.soak.options import BURST, STALL, STALL_SECONDS
from bench.soak.stage import ALL, RECOVERY_SECONDS, UNAFFECTED_SECONDS, Stage, goes_on
from bench.soak.writers import BURST_ROWS

_NEWCOMERS: Final = 200
_NEWCOMERS_STAY_SECONDS: Final = 5.0
_FAREWELL_SECONDS: Final = 2.0
_BURST_SECONDS: Final = 60.0
_STALLING_ROWS: Final = 4_000
_STALLING: Final = """
    insert into chat_summary_minute (stream_id, window_start, window_end, top_emotes)
    select $1, start, start + interval '1 minute', array_fill(repeat('x', 100), array[10])
    from generate_series(timestamp '2026-01-01', timestamp '2026-01-01' + ($2::int - 1) * interval '1 minute', interval '1 minute') start
    on conflict (stream_id, window_start, window_end) do update set unique_chatters = chat_summary_minute.unique_chatters + 1
"""


async def stall(stage: Stage, blow: Blow) -> None:
    """Let a listener read nothing of what it is sent: it is closed, and others hear nothing of it."""
    installation = stage.installation
    service = blow.target = stage.random.choice(ALL)
    address = ("127.0.0.1", installation.ports[service])
    log = installation.log(service)
    already = _closed_as_too_slow(log)
    staller = await asyncio.to_thread(Staller, address, f"/ws/live/{STALL}")
    try:
        watch = blow.strikes()
        async with installation.database.connected() as connection:
            await connection.execute(_STALLING, STALL, _STALLING_ROWS)
        await blow.measure("others go on", goes_on(watch, *ALL), within=UNAFFECTED_SECONDS)

        async def is_closed() -> bool:
            return await asyncio.to_thread(_closed_as_too_slow, log) > already

        within = STALL_SECONDS + _FAREWELL_SECONDS + UNAFFECTED_SECONDS
        await blow.measure_until("closed with 4408", is_closed, within=within)
    finally:
        staller.close()
    blow.is_gone()


def _closed_as_too_slow(log: Path) -> int:
    """Count by the service's log: the client that reads nothing does not read its close frame either."""
    with log.open("rb") as lines:
        return sum(b'"live_listener_closed"' in line and b'"code":4408' in line for line in lines)


async def flood(stage: Stage, blow: Blow) -> None:
    """Have two hundred listeners come at once, and go again."""
    watch = blow.strikes()
    seconds = await stage.crowd.ask("join", _NEWCOMERS)
    blow.note(f"{_NEWCOMERS} newcomers stand", seconds, within=RECOVERY_SECONDS)
    await blow.measure("others go on", goes_on(watch, *ALL), within=UNAFFECTED_SECONDS)
    await asyncio.sleep(_NEWCOMERS_STAY_SECONDS)
    await stage.crowd.ask("leave")
    blow.is_gone()


async def burst(stage: Stage, blow: Blow) -> None:
    """Write a hundred thousand rows in one transaction, while some listen to just them."""
    blow.strikes()
    committed_at, least = await stage.writers.burst()
    watch = blow.probes.watch(committed_at)
    await blow.measure("others go on", goes_on(watch, *ALL), within=UNAFFECTED_SECONDS)
    told_at = await stage.burst.ask("until_burst", least, BURST_ROWS)
    blow.note(
        f"all {BURST_ROWS:,} were told to the {BURST}'s listeners",
        told_at - committed_at,
        within=_BURST_SECONDS,
    )
    blow.is_gone()
