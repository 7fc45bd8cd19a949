"""Answers from the cache, beside bare uvicorn that sends the same bytes, and beside the original's style."""

from __future__ import annotations

import importlib.util
import json
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from bench.http.load import Load, ask, load, request
from bench.http.servers import serving
from bench.live.cores import client_core, on_core
from bench.live.database import run_database, temporary_home
from bench.live.options import Options
from bench.live.report import Row, say

_PATH: Final = "/api/v1/streams/lofi/metrics"
_CONNECTIONS: Final = 32
_SETTLE_SECONDS: Final = 1.5
_PACKED: Final = {"Accept-Encoding": "gzip"}


async def run(options: Options) -> list[Row]:
    """Measure in interleaved rounds; every ratio is made of turns that follow each other."""
    async with temporary_home() as home, run_database(home) as database:
        return _run(options, home, database.settings()["REDIS_URL"])


def _run(options: Options, home: Path, redis_url: str) -> list[Row]:
    with ExitStack() as stack:
        ports = {
            "hit": stack.enter_context(serving(home, "bench.http.server_memory", "INFO")),
            "hit, no log": stack.enter_context(serving(home, "bench.http.server_memory", "WARNING")),
            "hit in Redis": stack.enter_context(
                serving(home, "bench.http.server_memory", "WARNING", redis_url)
            ),
        }
        time.sleep(_SETTLE_SECONDS)
        status, head, _ = ask(ports["hit"], request(_PATH))
        assert status == 200, head  # noqa: S101, PLR2004
        ports["bare"] = stack.enter_context(_bare(home, "plain", ports["hit"], {}))
        ports["hit, gzip"] = ports["hit, no log"]
        ask(ports["hit, gzip"], request(_PATH, _PACKED))
        ports["bare, gzip"] = stack.enter_context(_bare(home, "packed", ports["hit, gzip"], _PACKED))
        if importlib.util.find_spec("fastapi"):
            ports["FastAPI"] = stack.enter_context(serving(home, "bench.http.server_fastapi"))
        many: dict[str, list[Load]] = {name: [] for name in ports}
        one: dict[str, list[Load]] = {name: [] for name in ports}
        seconds = 0.3 if options.quick else 2.0
        with on_core(client_core()):
            for number in range(options.rounds):
                order = list(ports) if number % 2 else list(ports)[::-1]
                for name in order:
                    asked = request(_PATH, _PACKED if "gzip" in name else {})
                    _, head, body = ask(ports[name], asked)
                    length = len(head) + len(b"\r\n\r\n") + len(body)
                    many[name].append(
                        load(ports[name], [asked], connections=_CONNECTIONS, seconds=seconds, length=length)
                    )
                    one[name].append(
                        load(ports[name], [asked], connections=1, seconds=seconds / 2, length=length)
                    )
                say(
                    f"  round {number + 1}: "
                    + ", ".join(f"{k} {v[-1].a_second:,.0f}" for k, v in many.items())
                )
    return _rows(many, one)


def _bare(home: Path, name: str, port: int, headers: dict[str, str]) -> AbstractContextManager[int]:
    """Bare uvicorn, which answers with what Telemetra has answered."""
    status, head, content = ask(port, request(_PATH, headers))
    fields = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:]]
    kept = [field for field in fields if field[0].lower() not in {"date", "server"}]
    body = home / f"{name}.body"
    body.write_bytes(content)
    (home / f"{name}.json").write_text(json.dumps(kept))
    assert status == 200  # noqa: S101, PLR2004
    return serving(home, "bench.http.server_bare", str(body), str(home / f"{name}.json"))


def _rows(many: dict[str, list[Load]], one: dict[str, list[Load]]) -> list[Row]:
    def ratio(name: str, to: str) -> float:
        return median(a.a_second / b.a_second for a, b in zip(many[name], many[to], strict=True))

    def row(figure: str, wanted: float, name: str, to: str) -> Row:
        found = ratio(name, to)
        return Row(
            figure=figure,
            wanted=f">= {wanted}",
            got=f"{median(x.a_second for x in many[name]):,.0f} a second",
            ratio=found,
            met=found >= wanted,
        )

    p50 = median(a.latency(0.5) / b.latency(0.5) for a, b in zip(one["hit"], one["bare"], strict=True))
    microseconds = median(x.latency(0.5) for x in one["hit"]) * 1e6
    rows = [
        row("hit in process, 32 connections, to bare uvicorn", 0.60, "hit", "bare"),
        row("the same without the access log", 0.75, "hit, no log", "bare"),
        Row(
            figure="hit, one connection, p50, to bare uvicorn's",
            wanted="<= 1.3 and under 1 ms",
            got=f"{microseconds:.0f} us",
            ratio=p50,
            met=p50 <= 1.3 and microseconds < 1000,  # noqa: PLR2004
        ),
        row("hit in Redis only, to bare uvicorn", 0.30, "hit in Redis", "bare"),
        row("compressed hit (gzip, made once), to the plain one", 0.90, "hit, gzip", "hit, no log"),
    ]
    if "FastAPI" in many:
        rows.append(row("hit, to FastAPI with 100 pydantic models and no database", 10, "hit", "FastAPI"))
    else:
        rows.append(
            Row(
                figure="hit, to FastAPI",
                wanted=">= 10",
                got="FastAPI is not installed: .venv/bin/pip install fastapi",
            )
        )
    waiting = median(load.idle_seconds / load.seconds for load in many["bare"])
    rows.append(
        Row(figure="how long the client waited for bare uvicorn", wanted="", got=f"{waiting:.0%} of the time")
    )
    return rows
