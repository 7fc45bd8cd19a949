"""
A million windows by COPY: into the tables as `telemetra migrate` makes them, and into the bare specified ones.

Both in one PostgreSQL with durable commits, in turns, each from an empty table; autovacuum is off meanwhile.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Final

from bench.live.database import Database, run_database, temporary_home
from bench.live.database_writers import BARE_TABLES
from bench.live.options import Options
from bench.live.report import Row, say

_ROWS: Final = 1_000_000
_QUICK_ROWS: Final = 20_000
_WANTED: Final = 2.0
_COLUMNS: Final = (
    "stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes, avg_sentiment, chat_rate, avg_viewers, "
    "z_score, is_anomaly"
)
_MAKE: Final = """
    copy (
        select 'stream-' || n % 100, timestamp '2020-01-01' + n / 100 * interval '1 minute',
               timestamp '2020-01-01' + (n / 100 + 1) * interval '1 minute', n % 500, n % 200, array['Kappa', 'LUL'], 0.2,
               n % 500 / 60.0, 1400, 1.3, false
        from generate_series(1, {rows}) n
    ) to '{file}'
"""
_LOAD: Final = f"copy chat_summary_minute ({_COLUMNS}) from '{{file}}'"


async def run(options: Options) -> list[Row]:
    """Measure in turns."""
    rows = _QUICK_ROWS if options.quick else _ROWS
    async with temporary_home() as home, run_database(home) as database:
        await database.execute(
            "alter system set autovacuum = off",
            "alter system set max_wal_size = '4GB'",
            "select pg_reload_conf()",
        )
        await database.execute("create database bare")
        await database.execute(*BARE_TABLES, database="bare")
        await database.migrate()
        async with database.connected() as connection:
            file = f"{await connection.fetchval('show data_directory')}/windows.copy"
        await database.execute(_MAKE.format(rows=rows, file=file))
        ours: list[float] = []
        bare: list[float] = []
        for number in range(options.rounds):
            for turn in (0, 1) if number % 2 else (1, 0):
                seconds = await _load(database, file, None if turn else "bare")
                (ours if turn else bare).append(seconds)
            say(f"  round {number + 1}: ours {ours[-1]:.1f} s, bare {bare[-1]:.1f} s")
    ratio = median(one / other for one, other in zip(ours, bare, strict=True))
    return [
        Row(
            figure=f"bulk load (COPY) of {rows:,} windows, to the bare specified tables",
            wanted=f"<= {_WANTED}",
            got=f"{median(ours):.1f} s ({rows / median(ours):,.0f} rows a second)",
            ratio=ratio,
            met=ratio <= _WANTED,
        )
    ]


async def _load(database: Database, file: str, name: str | None) -> float:
    await database.execute("truncate chat_summary_minute", "checkpoint", database=name)
    began = time.monotonic()
    await database.execute(_LOAD.format(file=file), database=name)
    return time.monotonic() - began
