"""
Answers from PostgreSQL: `telemetra serve` beside a bare Litestar handler that does asyncpg to msgspec.

No question is asked twice: each has an end of its own. Both have ten connections to the same database.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from statistics import median
from typing import Final
from urllib.parse import quote

from bench.http.load import Load, load, request
from bench.http.servers import serving
from bench.http.windows import START, STREAM, window
from bench.live.cores import client_core, on_core, pin_threads, server_core
from bench.live.database import Database, run_database, temporary_home
from bench.live.database_service import run_service
from bench.live.options import Options
from bench.live.report import Row, say

_CONNECTIONS: Final = 32
_WINDOWS: Final = 1_000
_INSERT: Final = """
    insert into chat_summary_minute (
        stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes, avg_sentiment, chat_rate,
        avg_viewers, z_score, is_anomaly
    ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""


async def run(options: Options) -> list[Row]:
    """Measure in turns."""
    async with temporary_home() as home, run_database(home) as database:
        await database.migrate()
        await fill(database)
        postgres = database.postgres
        dsn = f"postgresql://{postgres.user}:{postgres.password}@{postgres.host}:{postgres.port}/{postgres.database}"
        async with run_service(database, LOG_LEVEL="INFO") as service:
            pin_threads(service.pid, server_core())
            with serving(home, "bench.http.server_litestar", dsn) as bare:
                return _measure(options, {"telemetra": service.port, "litestar": bare})


async def fill(database: Database) -> None:
    """Store a stream and its windows."""
    async with database.connected() as connection:
        await connection.execute("insert into streams (stream_id) values ($1)", STREAM)
        rows = [window(number) for number in range(_WINDOWS)]
        await connection.executemany(
            _INSERT,
            [
                (
                    row.stream_id,
                    row.window_start.replace(tzinfo=None),
                    row.window_end.replace(tzinfo=None),
                    *(row.chat_count, row.unique_chatters, list(row.top_emotes or ()), row.avg_sentiment),
                    *(row.chat_rate, row.avg_viewers, row.z_score, row.is_anomaly),
                )
                for row in rows
            ],
        )
        await connection.execute("vacuum analyze")


def _measure(options: Options, ports: dict[str, int]) -> list[Row]:
    seconds = 0.3 if options.quick else 3.0
    numbers = count()
    found: dict[str, list[Load]] = {name: [] for name in ports}
    with on_core(client_core()):
        for number in range(options.rounds):
            for name in list(ports) if number % 2 else list(ports)[::-1]:
                asked = [_question(next(numbers)) for _ in range(int(20_000 * seconds))]
                found[name].append(
                    load(ports[name], asked, connections=_CONNECTIONS, seconds=seconds, length=None)
                )
            say(f"  round {number + 1}: " + ", ".join(f"{k} {v[-1].a_second:,.0f}" for k, v in found.items()))
    ratio = median(
        a.a_second / b.a_second for a, b in zip(found["telemetra"], found["litestar"], strict=True)
    )
    return [
        Row(
            figure="miss (PostgreSQL), to a bare Litestar handler doing asyncpg to msgspec",
            wanted=">= 1.0",
            got=f"{median(x.a_second for x in found['telemetra']):,.0f} a second",
            ratio=ratio,
            met=ratio >= 1.0,
        )
    ]


def _question(number: int) -> bytes:
    """Return one that nobody has asked: of the 100 windows before some microsecond."""
    end = START + timedelta(minutes=_WINDOWS + 10, microseconds=number)
    return request(f"/api/v1/streams/{STREAM}/metrics?end_time={quote(end.isoformat())}")
