"""
Measure what issue 3 asks of live delivery: `python -m bench.live [PART ...] [--quick]`.

Each part is a module with `run(options)`, plain or async, that returns rows. How the figures are taken, and why that is
fair, is in `bench/README.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from bench.live.options import Options
from bench.live.report import Row, describe_machine, new_results, print_machine, print_rows, save, say

PARTS: Final = {
    "fanout": "bench.live.fanout",
    "latency": "bench.live.latency",
    "memory": "bench.live.memory",
    "stall": "bench.live.stall",
    "resume": "bench.live.resume",
    "writers": "bench.live.database_writers",
    "relay": "bench.live.database_relay",
    "statements": "bench.live.database_statements",
}


def main() -> int:
    """Run the parts that are asked for, print and keep what they say."""
    parser = argparse.ArgumentParser(prog="python -m bench.live", description="Measure live delivery.")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them without any"
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that everything runs; the figures mean nothing"
    )
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    machine = describe_machine() | {"quick": given.quick}
    options = Options.for_smoke() if given.quick else Options()
    results = new_results()
    rows: list[Row] = []
    for part in given.parts or PARTS:
        say(f"{part} ...")
        rows += _run(PARTS[part], options)
        # After each: a run that is ended later on has not been for nothing.
        save(results, rows, machine)
    print_machine(machine)
    print()
    print_rows(rows)
    print(f"\nDetails: {results}")
    return 1 if any(row.met is False for row in rows) and not given.quick else 0


def _run(module_name: str, options: Options) -> Sequence[Row]:
    """Run one part. One that fails is a row that says so: the others' figures are not lost with it."""
    if importlib.util.find_spec(module_name) is None:
        return [Row(figure=module_name, wanted="", got="there is no such module")]
    try:
        rows = importlib.import_module(module_name).run(options)
        done: Sequence[Row] = asyncio.run(rows) if inspect.iscoroutine(rows) else rows
    except Exception as error:  # noqa: BLE001  (told in the table, which then ends with exit code 1)
        say(traceback.format_exc())
        return [
            Row(figure=module_name, wanted="", got=f"failed: {type(error).__name__}, see above", met=False)
        ]
    return done


if __name__ == "__main__":
    sys.exit(main())
