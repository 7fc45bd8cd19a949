"""
What an idle listener costs in user space: the service before and after ten thousand of them came and waited.

It is `telemetra serve` as installed, with its keepalive and heartbeats, which the clients answer as they should.
"""

from __future__ import annotations

from typing import Final

from bench.live.cores import raise_file_limit
from bench.live.crowd_process import crowd_of
from bench.live.options import Options
from bench.live.report import Row, say
from bench.live.resident import resident_bytes
from bench.live.served import serving

from telemetra.settings import Settings

_WANTED_BYTES: Final = 24 * 1024
_FIRST_LISTENERS: Final = 100
"""They are there already when it is measured first: what the first listener of all costs is not a listener's cost."""
_SETTLING_SECONDS: Final = 3.0


async def run(options: Options) -> list[Row]:
    """Measure the service with few and with many."""
    raise_file_limit()
    listeners = options.many_listeners
    heartbeat = Settings().live_heartbeat
    most = str(10 * listeners)
    async with serving(LIVE_MAX_LISTENERS=most, LIVE_MAX_LISTENERS_PER_ADDRESS=most) as (server, _):
        with crowd_of(server) as crowd:
            crowd.open(_FIRST_LISTENERS)
            crowd.idle(_SETTLING_SECONDS)
            before = resident_bytes(server.pid)
            say(f"  {listeners:,} listeners in {crowd.open(listeners):.1f} s")
            crowd.idle(_SETTLING_SECONDS)
            fresh = resident_bytes(server.pid)
            # Once through everything that an idle listener lives through: pings and heartbeats.
            crowd.idle(1.0 if options.quick else 1.3 * heartbeat)
            after = resident_bytes(server.pid)
    each = (after - before) / listeners
    return [
        Row(
            figure=f"user-space memory an idle listener, {listeners:,} of them",
            wanted=f"<= {_WANTED_BYTES / 1024:.0f} KB",
            got=f"{each / 1024:.1f} KB",
            ratio=each / _WANTED_BYTES,
            met=each <= _WANTED_BYTES,
            details={"before": before, "fresh": fresh, "after": after},
        ),
        Row(
            figure="  the same just after they came",
            wanted="",
            got=f"{(fresh - before) / listeners / 1024:.1f} KB",
        ),
    ]
