"""
Soak the service: `python -m bench.soak [--minutes 30] [--listeners 1000] [--seed N] [--faults LIST] [--quick]`.

How it is taken, and why that is fair, is in `bench/README.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
from pathlib import Path
from typing import Final

import uvloop
from bench.live.cores import raise_file_limit, require_files
from bench.live.database import temporary_home
from bench.live.report import Row, describe_machine, new_results, print_machine, print_rows, save, say
from bench.soak.course import run
from bench.soak.faults import FAULTS
from bench.soak.options import Options
from bench.soak.verdict import rows_of

_SHOWN: Final = 20
_INTERRUPTED: Final = 130
_WIDTH: Final = 400


def main() -> int:
    """Run, print and keep what came out; return the exit code."""
    options = _options()
    machine = describe_machine() | {"options": str(options)}
    raise_file_limit()
    require_files(2 * options.listeners)
    results = new_results("soak")
    try:
        rows = uvloop.run(_run(options, results))
    except asyncio.CancelledError:
        return _INTERRUPTED
    save(results, rows, machine)
    print_machine(machine)
    print()
    print_rows(rows)
    _print_details(rows)
    print(f"\nDetails: {results}")
    return 1 if any(row.met is False for row in rows) else 0


async def _run(options: Options, results: Path) -> list[Row]:
    running = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Whatever ends it, engines and services are ended with it.
        asyncio.get_running_loop().add_signal_handler(number, lambda: running and running.cancel())
    async with temporary_home() as home:
        try:
            rows = rows_of(await run(options, home))
        except BaseException:
            _keep_logs(home, results)
            raise
        if any(row.met is False for row in rows):
            _keep_logs(home, results)
        return rows


def _keep_logs(home: Path, results: Path) -> None:
    """Keep what the services and engines said beside the results: something has to be found out."""
    kept = results.with_suffix(".logs")
    kept.mkdir(exist_ok=True)
    for log in (*home.glob("*.log"), *home.glob("data/*.log")):
        shutil.copy(log, kept)
    say(f"The logs are in {kept}")


def _print_details(rows: list[Row]) -> None:
    """Print the first of each thing that is worth a look."""
    for row in rows:
        for name in ("deaths", "faults", "missing", "unexpected"):
            for line in list(row.details.get(name, ()))[:_SHOWN]:
                print(f"{name}: {str(line)[:_WIDTH]}")
        for name in ("expected", "exceptions", "errors", "warnings", "unreadable"):
            for what, times in row.details.get(name, {}).items():
                print(f"{name}: {times} x {what}")


def _options() -> Options:
    usual = Options()
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description="The service under mixed load while things fail."
    )
    parser.add_argument("--minutes", type=float, default=usual.minutes)
    parser.add_argument("--listeners", type=int, default=usual.listeners)
    parser.add_argument("--readers", type=int, default=usual.readers)
    parser.add_argument("--writers", type=int, default=usual.writers)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument(
        "--faults", default="", metavar="LIST", help=f"some of {','.join(FAULTS)}; all without it"
    )
    parser.add_argument("--quick", action="store_true", help="each fault once; the figures mean little")
    given = parser.parse_args()
    faults = tuple(filter(None, given.faults.split(",")))
    if unknown := set(faults) - FAULTS.keys():
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    if given.quick:
        return Options.for_smoke(seed=given.seed, faults=faults)
    return Options(
        minutes=given.minutes,
        listeners=given.listeners,
        readers=given.readers,
        writers=given.writers,
        seed=given.seed,
        faults=faults,
    )


if __name__ == "__main__":
    sys.exit(main())
