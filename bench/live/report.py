"""The results: one row a figure, beside what is wanted, as a table and as a file."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

RESULTS: Final = Path(__file__).resolve().parents[1] / "results"
_PACKAGES: Final = ("telemetra", "uvicorn", "uvloop", "websockets", "litestar", "msgspec", "asyncpg")
_FILE_WIDTH: Final = 160
_VERDICTS: Final = {True: "yes", False: "NO", None: "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One figure.

    `met` is None where nothing is wanted of it: it stands beside another to explain it, or it could not be measured
    (then `got` says why). `details` go to the file only.
    """

    figure: str
    wanted: str
    got: str
    ratio: float | None = None
    met: bool | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def print_rows(rows: Sequence[Row], *, judged: bool = True) -> None:
    """Print a table; unless `judged`, nothing is said of what is met."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("figure", "wanted", "got"):
        table.add_column(name, overflow="fold")
    table.add_column("ratio", justify="right")
    table.add_column("met")
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        verdict = _VERDICTS[row.met if judged else None]
        table.add_row(*(Text(cell) for cell in (row.figure, row.wanted, row.got, ratio, verdict)))
    # As wide as the terminal; in a file wide enough to be read.
    Console(width=None if sys.stdout.isatty() else _FILE_WIDTH, highlight=False).print(table)


def print_machine(machine: Mapping[str, Any]) -> None:
    """Print on what, with what and when."""
    for name, value in machine.items():
        print(f"{name}: {value}")


def new_results(name: str) -> Path:
    """Return the path of a file that there is not yet."""
    RESULTS.mkdir(exist_ok=True)
    return RESULTS / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"


def save(path: Path, rows: Sequence[Row], machine: Mapping[str, Any]) -> None:
    """Write everything as JSON."""
    path.write_text(
        json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2, default=str) + "\n"
    )


def describe_machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": _first_line("git", "describe", "--always", "--dirty"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "nginx": _first_line("nginx", "-v") or "not installed",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _first_line(*command: str) -> str:
    """Return the first line that a program prints, or nothing where it is not to be had."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    done = subprocess.run(  # noqa: S603  (asks for a version)
        [program, *command[1:]], capture_output=True, text=True, check=False, timeout=10, cwd=RESULTS.parent
    )
    return "" if done.returncode else (done.stdout or done.stderr).strip().partition("\n")[0]


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(text, file=sys.stderr, flush=True)
