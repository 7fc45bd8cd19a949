"""
Fuzz what reads a client's bytes: `python -m bench.fuzz [--seconds N] [TARGET ...]`; how is told in `bench/README.md`.

Each target has a process of its own and its share of the seconds. The corpus is kept from run to run; what does not hold
leaves the bytes that show it.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.fuzz.target import Target
from bench.fuzz.targets import TARGETS

_RESULTS: Final = Path(__file__).resolve().parents[1] / "results" / "fuzz"
_LONGEST_BYTES: Final = 4096
_MOST_MEGABYTES: Final = 1024
_SECONDS_TO_ANSWER: Final = 10
"""A target that takes so long for one input has found one that is too slow."""
_SECONDS_TO_START: Final = 60
_PROGRESS: Final = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)/")
_RUNS: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What one target's process did."""

    name: str
    seconds: int
    runs: int
    edges: int
    features: int
    corpus: int
    findings: Sequence[Path]
    failed: bool
    """It ended otherwise than by the clock, and left nothing."""


def main() -> int:
    """Fuzz, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.fuzz", description="Fuzz what reads a client's bytes."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)}; all without any")
    parser.add_argument("--seconds", type=int, default=60, help="for all of them together (default: 60)")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed: there are wheels for Linux on x86-64, up to Python 3.13")
    chosen = [TARGETS[name] for name in given.targets or TARGETS]
    share = max(1, given.seconds // len(chosen))
    courses = []
    for target in chosen:
        print(f"{target.name} ...", file=sys.stderr, flush=True)
        courses.append(_fuzz(target, share))
    _print_table(courses)
    for course in courses:
        for finding in course.findings:
            print(f"\n{course.name}: python -m bench.fuzz.process {course.name} {finding}")
    return 1 if any(course.findings or course.failed for course in courses) else 0


def _fuzz(target: Target, seconds: int) -> Course:
    corpus, findings = _RESULTS / "corpus" / target.name, _RESULTS / "findings" / target.name
    for directory in (corpus, findings):
        directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number:02}").write_bytes(seed)
    words = _RESULTS / f"{target.name}.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    language = [f"-dict={words}"] if target.words else []
    before = set(findings.iterdir())
    command = [
        sys.executable, "-m", "bench.fuzz.process", target.name, *language,
        f"-max_total_time={seconds}", f"-max_len={_LONGEST_BYTES}", f"-artifact_prefix={findings}/",
        f"-rss_limit_mb={_MOST_MEGABYTES}", f"-timeout={_SECONDS_TO_ANSWER}", "-print_final_stats=1", "-seed=1", str(corpus),
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603  (itself, again)
        command, capture_output=True, check=False, timeout=seconds + _SECONDS_TO_START
    )
    told = (done.stderr + done.stdout).decode(errors="replace")
    found = sorted(set(findings.iterdir()) - before)
    if done.returncode:
        print(told[-2_000:], file=sys.stderr)
    progress = [tuple(map(int, match)) for match in _PROGRESS.findall(told)] or [(0, 0, 0)]
    edges, features, size = progress[-1]
    runs = _RUNS.search(told)
    return Course(
        name=target.name,
        seconds=seconds,
        runs=int(runs[1]) if runs else 0,
        edges=edges,
        features=features,
        corpus=size,
        findings=found,
        failed=bool(done.returncode) and not found,
    )


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _print_table(courses: Sequence[Course]) -> None:
    lines = [("target", "seconds", "runs", "runs/s", "edges", "features", "corpus", "findings")]
    lines += [
        (
            course.name,
            str(course.seconds),
            f"{course.runs:,}",
            f"{course.runs // course.seconds:,}",
            str(course.edges),
            str(course.features),
            str(course.corpus),
            "failed" if course.failed else str(len(course.findings)),
        )
        for course in courses
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


if __name__ == "__main__":
    sys.exit(main())
