"""
How reads stay flat: 'latest 100' beside ten thousand and beside ten million rows, and a page deep in history.

Every question is one that nobody has asked, so that PostgreSQL answers it. The deep page is reached as a client reaches
it: each page's `Link` header has the next one's cursor.
"""

from __future__ import annotations

from itertools import count
from statistics import median
from typing import Final
from urllib.parse import quote

from bench.http.load import ask, load, request
from bench.http.windows import STREAM
from bench.live.cores import client_core, on_core
from bench.live.database import Database, run_database, temporary_home
from bench.live.database_service import Service, run_service
from bench.live.options import Options
from bench.live.report import Row, say

_ROWS: Final = 10_000_000
_QUICK_ROWS: Final = 200_000
_FEW_ROWS: Final = 10_000
_PAGE: Final = 100
_DEEP: Final = 10_000
"""The page: the stream has a tenth of all rows."""
_LATEST_WANTED: Final = 1.3
_DEEP_WANTED: Final = 1.5
_PORTION: Final = 500_000
_FILL: Final = """
    insert into chat_summary_minute (stream_id, window_start, window_end, chat_count, unique_chatters, top_emotes,
                                     avg_sentiment, chat_rate, avg_viewers, z_score, is_anomaly)
    select case when n % 10 = 0 then '{stream}' else 'stream-' || n % 1000 end, timestamp '2000-01-01' + n * interval '1 minute',
           timestamp '2000-01-01' + (n + 1) * interval '1 minute', n % 500, n % 200, array['Kappa', 'LUL'], 0.2,
           n % 500 / 60.0, 1400, 1.3, false
    from generate_series({first}, {last}) n
"""
_PATH: Final = f"/api/v1/streams/{STREAM}/metrics"
_numbers = count()


async def run(options: Options) -> list[Row]:
    """Measure at both sizes."""
    rows = _QUICK_ROWS if options.quick else _ROWS
    async with temporary_home() as home, run_database(home, durable=False) as database:
        for name in ("few", "many"):
            await database.execute(f"create database {name}")
            await database.migrate(name)
        await _fill(database, "few", _FEW_ROWS)
        say(f"  filling {rows:,} windows ...")
        await _fill(database, "many", rows)
        async with run_service(database, name="few") as few, run_service(database, name="many") as many:
            with on_core(client_core()):
                return _measure(options, few, many, rows)


async def _fill(database: Database, name: str, rows: int) -> None:
    for first in range(1, rows + 1, _PORTION):
        last = min(first + _PORTION - 1, rows)
        await database.execute(_FILL.format(stream=STREAM, first=first, last=last), database=name)
    await database.execute("vacuum (freeze, analyze)", "checkpoint", database=name)


def _measure(options: Options, few: Service, many: Service, rows: int) -> list[Row]:
    deep = _cursor(many, rows // 10 // _PAGE - 1 if options.quick else _DEEP - 1)
    first = _cursor(many, 1)
    latest: list[float] = []
    depth: list[float] = []
    microseconds: list[float] = []
    for number in range(options.rounds):
        found = {}
        turns = {
            "few": (few, "start_time=1000-01-01T00:00:00.{n:06d}Z"),
            "many": (many, "start_time=1000-01-01T00:00:00.{n:06d}Z"),
            "first": (many, f"start_time=1000-01-01T00:00:00.{{n:06d}}Z&cursor={quote(first)}"),
            "deep": (many, f"start_time=1000-01-01T00:00:00.{{n:06d}}Z&cursor={quote(deep)}"),
        }
        for name in list(turns) if number % 2 else list(turns)[::-1]:
            service, query = turns[name]
            asked = [request(f"{_PATH}?{query.format(n=next(_numbers))}") for _ in range(20_000)]
            seconds = 0.3 if options.quick else 2.0
            found[name] = load(service.port, asked, connections=1, seconds=seconds, length=None).latency(0.5)
        latest.append(found["many"] / found["few"])
        depth.append(found["deep"] / found["first"])
        microseconds.append(found["many"] * 1e6)
        say(f"  round {number + 1}: " + ", ".join(f"{k} {v * 1e6:.0f} us" for k, v in found.items()))
    return [
        Row(
            figure=f"p50 of 'latest 100' at {rows:,} rows, to that at {_FEW_ROWS:,}",
            wanted=f"<= {_LATEST_WANTED}",
            got=f"{median(microseconds):.0f} us",
            ratio=median(latest),
            met=median(latest) <= _LATEST_WANTED,
        ),
        Row(
            figure=f"page {_DEEP:,} by cursor, to page 2",
            wanted=f"<= {_DEEP_WANTED}",
            got="",
            ratio=median(depth),
            met=median(depth) <= _DEEP_WANTED,
        ),
    ]


def _cursor(service: Service, pages: int) -> str:
    """Follow so many `next` links; the last one's cursor."""
    query = f"?limit={_PAGE}"
    for _ in range(pages):
        status, head, _ = ask(service.port, request(_PATH + query))
        if status != 200:  # noqa: PLR2004
            raise RuntimeError(head.decode("latin-1"))
        links = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"link: "))
        query = next(part for part in links[6:].decode().split(", ") if 'rel="next"' in part).split(">")[0][
            1:
        ]
    return query.partition("cursor=")[2]
