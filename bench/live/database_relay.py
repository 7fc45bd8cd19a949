"""
What following the changes costs: processor time of PostgreSQL and of the service, as a share of one core.

Idle: nothing is written, nobody listens. PostgreSQL, Valkey and the service for half a minute, beside the same engines
without a service; what is judged has nothing subtracted.

Full: ten million windows that were there before `telemetra migrate`, and 100 single-row commits a second to them, half new
rows and half rewrites of any. Turns with and without a service follow each other; what the service adds to PostgreSQL, and
its own time, is the relay's. Autovacuum is off meanwhile: it comes when it likes, and takes more than all the rest.

Alone, with fewer rows: `python -m bench.live.database_relay --rows 1000000`.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from bench.live.database import Database, median_of, run_database, temporary_home
from bench.live.database_service import Service, cpu_seconds, run_service
from bench.live.database_writers import BARE_TABLES
from bench.live.options import Options
from bench.live.report import Row, print_rows, say

_ROWS: Final = 10_000_000
_QUICK_ROWS: Final = 100_000
_STREAMS: Final = 1_000
_IDLE_SECONDS: Final = 30
_TURN_SECONDS: Final = 20
_QUICK_SECONDS: Final = 3
_CHANGES_PER_SECOND: Final = 100
_SETTLE_SECONDS: Final = 3
"""How long a service is left alone after its start: loading modules is not following."""
_IDLE_WANTED: Final = 1.0
_FULL_WANTED: Final = 5.0

_FILL: Final = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes,
                                     avg_sentiment, chat_rate, avg_viewers, z_score, is_anomaly)
    select 'stream-' || n % {streams}, timestamp '2020-01-01' + n / {streams} * interval '1 minute',
           timestamp '2020-01-01' + (n / {streams} + 1) * interval '1 minute',
           n % 500, n % 200, array['Kappa', 'LUL'], 0.2, n % 500 / 60.0, 1400, 1.3, false
    from generate_series({first}, {last}) n
"""
_FILL_PORTION: Final = 500_000
_FILL_STREAMS: Final = (
    "insert into streams (stream_id, title) select 'stream-' || n, 'A title' from generate_series(0, {}) n"
)
_QUIET: Final = (
    "alter system set autovacuum = off",
    "alter system set max_wal_size = '4GB'",
    "select pg_reload_conf()",
)
_SETTLED: Final = ("vacuum (freeze, analyze)", "checkpoint")

_REWRITE: Final = """
\\set id random(1, {rows})
update chat_summary_minute set chat_count = coalesce(chat_count, 0) + 1 where id = :id;
"""
_INSERT: Final = """
\\set n random(0, {last_stream})
insert into chat_summary_minute (stream_id, window_start, window_end, chat_count)
values ('stream-' || :n, clock_timestamp() at time zone 'utc',
        clock_timestamp() at time zone 'utc' + interval '1 minute', 7);
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time, in percent of one core."""

    postgres: float
    service: float
    redis: float

    @property
    def whole(self) -> float:
        """The database's and the process's; Valkey's is told beside it."""
        return self.postgres + self.service

    def __str__(self) -> str:
        return f"PostgreSQL {self.postgres:.2f} %, service {self.service:.2f} %, Valkey {self.redis:.2f} %"


async def run(options: Options, *, rows: int | None = None) -> list[Row]:
    """Measure both."""
    rows = rows or (_QUICK_ROWS if options.quick else _ROWS)
    return [*await _run_idle(options), *await _run_full(options, rows)]


async def _run_idle(options: Options) -> list[Row]:
    seconds = _QUICK_SECONDS if options.quick else _IDLE_SECONDS
    async with temporary_home() as home, run_database(home) as database:
        await database.migrate()
        await asyncio.sleep(_SETTLE_SECONDS)
        baseline = await _measure(database, None, seconds)
        async with run_service(database) as service:
            await asyncio.sleep(_SETTLE_SECONDS)
            cost = await _measure(database, service, seconds)
    return [
        Row(
            figure=f"following when nothing is written, {seconds} s",
            wanted=f"<= {_IDLE_WANTED:.0f} % of a core",
            got=f"{cost.whole:.2f} % ({cost})",
            met=cost.whole <= _IDLE_WANTED,
        ),
        Row(
            figure="the same engines without a service", wanted="", got=f"{baseline.whole:.2f} % ({baseline})"
        ),
    ]


async def _run_full(options: Options, rows: int) -> list[Row]:
    seconds = _QUICK_SECONDS if options.quick else _TURN_SECONDS
    without: list[Cost] = []
    with_service: list[Cost] = []
    async with temporary_home() as home:
        async with run_database(home, durable=False) as filling:
            await _fill(filling, rows)
        async with run_database(home) as database:
            scripts = _write_scripts(home, rows)
            for number in range(options.rounds):
                for turn in (0, 1) if number % 2 else (1, 0):
                    if turn:
                        async with run_service(database) as service:
                            await asyncio.sleep(_SETTLE_SECONDS)
                            with_service.append(await _written_to(database, service, scripts, seconds))
                    else:
                        without.append(await _written_to(database, None, scripts, seconds))
                say(f"  round {number + 1}: with {with_service[-1]}; without {without[-1]}")
    added = [one.whole - other.whole for one, other in zip(with_service, without, strict=True)]
    middle = median_of(added)
    return [
        Row(
            figure=f"following {_CHANGES_PER_SECOND} changes a second beside {rows:,} windows, {len(added)} turns of {seconds} s",
            wanted=f"<= {_FULL_WANTED:.0f} % of a core",
            got=f"{middle:.2f} % ({min(added):.2f} to {max(added):.2f})",
            met=middle <= _FULL_WANTED,
            details={
                "with": [str(cost) for cost in with_service],
                "without": [str(cost) for cost in without],
            },
        ),
        Row(
            figure="of that, the service / added to PostgreSQL",
            wanted="",
            got=f"{median_of([cost.service for cost in with_service]):.2f} % / "
            f"{median_of([cost.postgres for cost in with_service]) - median_of([cost.postgres for cost in without]):.2f} %",
        ),
    ]


async def _fill(database: Database, rows: int) -> None:
    """Fill the bare tables, and have them adopted."""
    say(f"  filling {rows:,} windows ...")
    await database.execute(*_QUIET, *BARE_TABLES, _FILL_STREAMS.format(_STREAMS - 1))
    for first in range(0, rows, _FILL_PORTION):
        last = min(first + _FILL_PORTION, rows) - 1
        await database.execute(_FILL.format(streams=_STREAMS, first=first, last=last))
    say("  adopting them ...")
    await database.migrate()
    await database.execute(*_SETTLED)


def _write_scripts(home: Path, rows: int) -> list[str]:
    """Write what pgbench is to do, each script half of the time; return the arguments that name them."""
    rewrite, insert = home / "rewrite.sql", home / "insert.sql"
    rewrite.write_text(_REWRITE.format(rows=rows))
    insert.write_text(_INSERT.format(last_stream=_STREAMS - 1))
    return ["--file", f"{rewrite}@1", "--file", f"{insert}@1"]


async def _written_to(database: Database, service: Service | None, scripts: list[str], seconds: int) -> Cost:
    """Measure while so many changes a second are committed."""
    rate = ["--client", "4", "--rate", str(_CHANGES_PER_SECOND), "--protocol", "prepared"]
    writing = asyncio.create_task(database.pgbench(*rate, "--time", str(seconds + 4), *scripts))
    try:
        await asyncio.sleep(2)
        return await _measure(database, service, seconds)
    finally:
        printed = await writing
        if "number of failed transactions: 0 " not in printed:
            say(printed)


async def _measure(database: Database, service: Service | None, seconds: float) -> Cost:
    """Measure for so long."""
    processes = [database.postmaster(), psutil.Process(service.pid) if service else None, database.valkey()]
    loop = asyncio.get_running_loop()
    began = loop.time()
    before = [cpu_seconds(process) if process else 0.0 for process in processes]
    await asyncio.sleep(seconds)
    after = [cpu_seconds(process) if process else 0.0 for process in processes]
    passed = loop.time() - began
    postgres, own, redis = (100 * (late - early) / passed for early, late in zip(before, after, strict=True))
    return Cost(postgres, own, redis)


def main() -> None:
    """Run this part alone."""
    parser = argparse.ArgumentParser(description="Measure what following the changes costs.")
    parser.add_argument("--rows", type=int, default=_ROWS)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    options = Options.for_smoke() if given.quick else Options()
    print_rows(asyncio.run(run(options, rows=given.rows)))


if __name__ == "__main__":
    main()
