"""What an examination finds in a data directory, without starting anything there."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from telemetra.adapters.embedded import EngineBinaries, examine_engines
from telemetra.adapters.embedded.directory import judge_room
from telemetra.domain.findings import Finding, Status
from tests.integration.embedded.owners import end_of, owner
from tests.integration.embedded.test_users import ORDINARY_USER, open_place

__all__ = ["open_place"]

TOGETHER_SECONDS = 15.0


async def examine(data_dir: Path, binaries: EngineBinaries) -> dict[str, Finding]:
    async with asyncio.timeout(TOGETHER_SECONDS):
        findings = await examine_engines(data_dir, postgres=True, redis=True, binaries=binaries)
    return {finding.check.partition(".")[2]: finding for finding in findings}


def statuses(findings: dict[str, Finding]) -> dict[str, Status]:
    return {check: finding.status for check, finding in findings.items() if finding.status is not Status.OK}


async def test_a_new_directory_can_be_used_and_is_not_made(tmp_path: Path, binaries: EngineBinaries) -> None:
    findings = await examine(tmp_path / "deep" / "data", binaries)
    assert statuses(findings) == {"running": Status.NOTE}
    assert "telemetra serve" in findings["running"].found
    assert list(tmp_path.iterdir()) == []


async def test_whoever_runs_the_engines_is_named(tmp_path: Path, binaries: EngineBinaries) -> None:
    async with owner(tmp_path / "data", binaries) as running:
        findings = await examine(tmp_path / "data", binaries)
    assert statuses(findings) == {}
    assert f"process {running.process.pid} runs" in findings["running"].found
    assert str(running.running.postgres and running.running.postgres.port) in findings["running"].found
    assert "PostgreSQL 1" in findings["programs"].found
    after = await examine(tmp_path / "data", binaries)
    assert statuses(after) == {"running": Status.NOTE}


async def test_engines_that_a_killed_owner_left_are_told_of(tmp_path: Path, binaries: EngineBinaries) -> None:
    async with owner(tmp_path / "data", binaries) as running:
        below = running.descendants()
        for pid, _ in below:
            os.kill(pid, signal.SIGSTOP)
        try:
            await running.kill()
            findings = await examine(tmp_path / "data", binaries)
        finally:
            for pid, _ in below:
                os.kill(pid, signal.SIGCONT)
        await end_of(below)
    assert statuses(findings) == {"running": Status.NOTE, "leftovers": Status.WARNING}


async def test_a_first_start_that_was_cut_off_is_told_of(tmp_path: Path, binaries: EngineBinaries) -> None:
    (tmp_path / "data" / "postgres.new").mkdir(parents=True)
    assert (await examine(tmp_path / "data", binaries))["leftovers"].status is Status.NOTE


async def test_data_of_another_major_version_is_a_problem(tmp_path: Path, binaries: EngineBinaries) -> None:
    cluster = tmp_path / "data" / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("9\n")
    finding = (await examine(tmp_path / "data", binaries))["programs"]
    assert (finding.status, "PostgreSQL 9's" in finding.found) == (Status.PROBLEM, True)


async def test_programs_that_are_missing_or_do_not_run_are_a_problem(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    nowhere = replace(binaries, redis_server=tmp_path / "valkey-server")
    assert (await examine(tmp_path / "data", nowhere))["programs"].status is Status.PROBLEM
    broken = tmp_path / "valkey-server"
    broken.write_text("#!/bin/sh\necho libc is too old >&2\nexit 1\n")
    broken.chmod(0o755)
    finding = (await examine(tmp_path / "data", nowhere))["programs"]
    assert (finding.status, "libc is too old" in finding.found) == (Status.PROBLEM, True)


async def test_a_directory_below_a_file_is_a_problem(tmp_path: Path, binaries: EngineBinaries) -> None:
    (tmp_path / "file").touch()
    finding = (await examine(tmp_path / "file" / "data", binaries))["directory"]
    assert (finding.status, "is no directory" in finding.found) == (Status.PROBLEM, True)


async def test_a_directory_that_cannot_be_written_is_a_problem(open_place: Path) -> None:
    (open_place / "closed").mkdir(mode=0o555)
    # Root can write everywhere.
    prefix = ORDINARY_USER if os.geteuid() == 0 else ()
    process = await asyncio.create_subprocess_exec(
        *prefix,
        *(sys.executable, "-m", "telemetra", "doctor", "--json"),
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TELEMETRA_DATA_DIR": str(open_place / "closed" / "data"),
            "PORT": "0",
        },
        cwd=open_place,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), TOGETHER_SECONDS)
    (finding,) = [each for each in json.loads(out) if each["check"] == "embedded.directory"]
    assert (finding["status"], finding["found"]) == ("problem", f"{open_place / 'closed'} can't be written")
    assert process.returncode == 1


@pytest.mark.parametrize("exposed", ["parent", "parent/data"])
async def test_a_directory_that_others_can_replace_is_a_warning_that_its_advice_mends(
    tmp_path: Path, binaries: EngineBinaries, exposed: str
) -> None:
    (tmp_path / "parent" / "data").mkdir(parents=True)
    place = tmp_path / exposed
    place.chmod(0o777)
    finding = (await examine(tmp_path / "parent" / "data", binaries))["directory"]
    assert finding.status is Status.WARNING
    assert finding.advice == f"chmod go-w {place}"
    subprocess.run(shlex.split(finding.advice), check=True, timeout=10)
    assert (await examine(tmp_path / "parent" / "data", binaries))["directory"].status is Status.OK
    # Like /tmp: everybody writes there, and nobody renames what is another's.
    place.chmod(0o777 | stat.S_ISVTX)
    assert (await examine(tmp_path / "parent" / "data", binaries))["directory"].status is Status.OK


@pytest.mark.parametrize(
    ("free_gib", "total_gib", "status"),
    [(50, 100, Status.OK), (4, 100, Status.WARNING), (0.9, 2, Status.WARNING), (1, 2, Status.OK)],
)
def test_little_room_is_a_warning(free_gib: float, total_gib: int, status: Status) -> None:
    finding = judge_room(Path("data"), int(free_gib * 1024**3), total_gib * 1024**3)
    assert finding.status is status
