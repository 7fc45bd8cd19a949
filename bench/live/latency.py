"""
From commit to the last of a thousand listeners, through a real PostgreSQL, beside the bare fan-out of the same message.

The clock starts just before COMMIT is sent, at a random moment of the service's interval, and stops when the last
socket was read. It is one clock: the kernel's, in two processes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random
from typing import Final

from bench.live.cores import raise_file_limit
from bench.live.crowd_process import CrowdProcess, crowd_of
from bench.live.figures import percentile
from bench.live.options import Options
from bench.live.report import Row, say
from bench.live.served import Writer, serving
from bench.live.servers import plain_server

from telemetra.settings import Settings

_COMMITS_A_ROUND: Final = 80
_SEED: Final = 5


async def run(options: Options) -> list[Row]:
    """Measure both in turns, and hold them against each other."""
    raise_file_limit()
    commits = 10 if options.quick else _COMMITS_A_ROUND
    interval = Settings().live_interval
    random = Random(_SEED)
    seconds: list[float] = []
    bare_seconds: list[float] = []
    async with serving(LIVE_HEARTBEAT="3600") as (server, writer):
        with ExitStack() as stack:
            crowd = stack.enter_context(crowd_of(server))
            say(f"  {options.few_listeners:,} listeners in {crowd.open(options.few_listeners):.1f} s")
            await _commit(writer, crowd)
            bare = stack.enter_context(crowd_of(stack.enter_context(plain_server(crowd.sample()))))
            bare.open(options.few_listeners)
            bare.publish_through_server()
            bare.run(3)
            for _ in range(options.rounds):
                for _ in range(commits):
                    await asyncio.sleep(random.uniform(0, 2 * interval))
                    seconds.append(await _commit(writer, crowd))
                bare_seconds += bare.run(commits, every_seconds=interval).server_seconds
    return _rows(seconds, bare_seconds, interval, options.few_listeners)


async def _commit(writer: Writer, crowd: CrowdProcess) -> float:
    """Commit one window, and return how long it took to reach everybody."""
    transaction = await writer.begin()
    crowd.begin_watch(1)
    before = time.monotonic()
    await transaction.commit()
    return crowd.end_watch() - before


def _rows(seconds: Sequence[float], bare: Sequence[float], interval: float, listeners: int) -> list[Row]:
    p99, bare_p99 = percentile(seconds, 0.99), percentile(bare, 0.99)
    bound = interval + 1.25 * bare_p99
    return [
        Row(
            figure=f"commit to the last of {listeners:,} listeners, p99 of {len(seconds)}",
            wanted=f"<= {_ms(bound)} ({_ms(interval)} + 1.25 x {_ms(bare_p99)})",
            got=_ms(p99),
            ratio=p99 / bound,
            met=p99 <= bound,
            details={"seconds": seconds, "bare_seconds": bare},
        ),
        Row(
            figure="  its spread beside the bare fan-out's",
            wanted="",
            got=f"{_spread(seconds)}; bare {_spread(bare)}",
        ),
    ]


def _spread(seconds: Sequence[float]) -> str:
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "most": 1.0}
    return ", ".join(f"{name} {_ms(percentile(seconds, share))}" for name, share in shares.items())


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"
