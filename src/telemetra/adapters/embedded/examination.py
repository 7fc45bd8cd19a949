"""Examines who runs embedded engines, and with what; starts none, and changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from telemetra.adapters.embedded.binaries import EngineBinaries
from telemetra.adapters.embedded.cluster import CLUSTER
from telemetra.adapters.embedded.directory import ELSEWHERE, check_directory, check_room
from telemetra.adapters.embedded.endpoints import EngineEndpoints
from telemetra.adapters.embedded.errors import EngineFailed
from telemetra.adapters.embedded.leftovers import find_postmaster
from telemetra.adapters.embedded.ownership import find_owner, find_running, has_engines
from telemetra.domain.findings import Finding, look, note, ok, problem, warning

_VERSION_SECONDS: Final = 0.9
"""Two are asked within the time of a check."""


async def examine_engines(
    data_dir: Path, *, postgres: bool, redis: bool, binaries: EngineBinaries | None = None
) -> list[Finding]:
    """Return what there is to find in the directory of the engines that are asked for."""
    data_dir = Path.cwd() / data_dir
    programs = binaries or EngineBinaries.packaged()
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "embedded.running": lambda: _check_running(data_dir),
        "embedded.leftovers": lambda: _check_leftovers(data_dir),
        "embedded.programs": lambda: _check_programs(data_dir, programs, postgres=postgres, redis=redis),
        "embedded.directory": lambda: check_directory(data_dir),
        "embedded.room": lambda: check_room(data_dir),
    }
    return [finding for name, check in checks.items() for finding in await look(name, _in_a_thread(check))]


async def _in_a_thread(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Run a check in a thread that nobody waits for at the end: a file system may be away."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[list[Finding]] = loop.create_future()

    def tell(findings: list[Finding], failure: Exception | None) -> None:
        if outcome.done():
            return
        if failure:
            outcome.set_exception(failure)
        else:
            outcome.set_result(findings)

    def run() -> None:
        findings: list[Finding] = []
        failure: Exception | None = None
        try:
            findings = list(check())
        except Exception as error:  # noqa: BLE001  (it is raised where it is waited for)
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any longer
            loop.call_soon_threadsafe(tell, findings, failure)

    threading.Thread(target=run, daemon=True, name="examination").start()
    return await outcome


def _check_running(data_dir: Path) -> Iterator[Finding]:
    check = "embedded.running"
    try:
        running, owner = find_running(data_dir), find_owner(data_dir)
    except (EngineFailed, PermissionError):
        yield problem(check, f"{data_dir} belongs to another user", f"Run this as that user. Or: {ELSEWHERE}")
        return
    if running:
        yield ok(check, f"process {running.owner_pid} runs {_named(running)}, in {data_dir}")
    elif owner is not None:
        advice = "Wait a moment, and look again; its log and those in the directory say what it is doing."
        yield note(check, f"process {owner} is starting or stopping engines in {data_dir}", advice)
    else:
        yield note(check, f"no engine runs in {data_dir}: `telemetra serve` starts them")


def _named(running: EngineEndpoints) -> str:
    engines = (("PostgreSQL", running.postgres), ("Valkey", running.redis))
    return " and ".join(f"{name} (port {engine.port})" for name, engine in engines if engine)


def _check_leftovers(data_dir: Path) -> Iterator[Finding]:
    """Look for what an owner has left that did not end in order; the next start waits for it, or clears it away."""
    check = "embedded.leftovers"
    try:
        owner, engines_live = find_owner(data_dir), has_engines(data_dir)
        postmaster = find_postmaster(data_dir / "postgres" / CLUSTER)
    except PermissionError:
        yield note(check, "can't be looked at: they are another user's")
        return
    if owner is None and engines_live:
        found = "engines of a run that has ended are still there"
        by_hand = f"kill -INT {postmaster}" if postmaster else f"find them: ps -ef | grep {data_dir}"
        yield warning(check, found, f"They end within a minute. If not, {by_hand}")
    elif owner is None and postmaster:
        found = (
            f"process {postmaster}, a PostgreSQL started by hand, runs on {data_dir / 'postgres' / CLUSTER}"
        )
        yield problem(check, found, f"telemetra serve can't start beside it: kill -INT {postmaster}")
    elif owner is None and (data_dir / "postgres.new").exists():
        yield note(
            check, f"{data_dir / 'postgres.new'}, of a first start that was cut off; the next one removes it"
        )
    else:
        yield ok(check, "none")


def _check_programs(
    data_dir: Path, binaries: EngineBinaries, *, postgres: bool, redis: bool
) -> Iterator[Finding]:
    check = "embedded.programs"
    try:
        programs = ([binaries.postgres_program("postgres")] if postgres else []) + (
            [binaries.redis_program()] if redis else []
        )
        versions = [_version(program) for program in programs]
    except EngineFailed as error:
        yield problem(
            check, str(error), "Install Telemetra anew, or use servers of your own: POSTGRES_HOST, REDIS_URL."
        )
        return
    found = ", ".join(f"{name} {number}" for name, number in versions)
    made_by = _made_by(data_dir) if postgres else None
    if made_by and versions[0][1].partition(".")[0] != made_by:
        advice = (
            f"Rows move by a dump: install the Telemetra that had PostgreSQL {made_by}, pg_dump from it, and restore "
            "into a new directory."
        )
        yield problem(check, f"{found}, but the data is PostgreSQL {made_by}'s", advice)
    else:
        yield ok(check, found)


def _version(program: Path) -> tuple[str, str]:
    """Return the name and the version of a server's program; raises EngineFailed."""
    try:
        said = subprocess.run(  # noqa: S603  the operator's own program
            [program, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineFailed(f"can't run {program}: {error}") from None
    number = re.search(r"\d+(\.\d+)+", said.stdout)
    if not number:
        raise EngineFailed(
            f"can't run {program}: {' '.join(said.stderr.split()) or 'it does not say its version'}"
        )
    name = next(
        (name for name in ("PostgreSQL", "Valkey", "Redis") if name.lower() in said.stdout.lower()),
        program.name,
    )
    return name, number[0]


def _made_by(data_dir: Path) -> str | None:
    """Return the major version of the PostgreSQL that made the data, if there is any that may be looked at."""
    try:
        return (data_dir / "postgres" / CLUSTER / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError:
        return None
