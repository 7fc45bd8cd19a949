"""A benchmark's command line: which parts, how thoroughly; then a table, and a file."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import traceback
from collections.abc import Mapping, Sequence

from bench.live.options import Options
from bench.live.report import Row, describe_machine, new_results, print_machine, print_rows, save, say


def measure(name: str, description: str, parts: Mapping[str, str]) -> int:
    """Run the parts that are asked for, print and keep what they say; return the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}", description=description)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}; all of them without any"
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that everything runs; the figures mean nothing"
    )
    given = parser.parse_args()
    if unknown := set(given.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    machine = describe_machine() | {"quick": given.quick}
    options = Options.for_smoke() if given.quick else Options()
    results = new_results(name)
    rows: list[Row] = []
    for part in given.parts or parts:
        say(f"{part} ...")
        rows += _run(parts[part], options)
        # After each: a run that is ended later on has not been for nothing.
        save(results, rows, machine)
    print_machine(machine)
    print()
    print_rows(rows, judged=not given.quick)
    if given.quick:
        print("\nA quick run, to see that everything runs: the figures mean nothing.")
    print(f"\nDetails: {results}")
    return 1 if any(row.met is False for row in rows) and not given.quick else 0


def _run(module_name: str, options: Options) -> Sequence[Row]:
    """Run one part. One that fails is a row that says so: the others' figures are not lost with it."""
    try:
        rows = importlib.import_module(module_name).run(options)
        done: Sequence[Row] = asyncio.run(rows) if inspect.iscoroutine(rows) else rows
    except Exception as error:  # noqa: BLE001  (told in the table, which then ends with exit code 1)
        say(traceback.format_exc())
        return [
            Row(figure=module_name, wanted="", got=f"failed: {type(error).__name__}, see above", met=False)
        ]
    return done
