"""Ends that nobody wished for: of the owner, of its keepers, of an initdb."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from telemetra.adapters.embedded import EngineBinaries, EngineFailed, find_running, run_engines
from tests.integration.embedded.clients import execute, ping, value
from tests.integration.embedded.owners import end_of, owner, send


async def test_a_killed_owner_leaves_no_engine_and_no_row_behind(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with owner(tmp_path, binaries) as first:
        await execute(first.running.postgres, "create table kept as select 42 as answer")
        engines = first.descendants()
        await first.kill()
        await end_of(engines)
    assert find_running(tmp_path) is None
    async with run_engines(tmp_path, binaries=binaries) as second:
        assert await value(second.postgres, "select answer from kept") == 42


async def test_the_next_start_need_not_wait_for_the_end_of_a_killed_one(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with owner(tmp_path, binaries) as first:
        await execute(first.running.postgres, "create table kept as select 42 as answer")
        await first.kill()
        async with run_engines(tmp_path, binaries=binaries) as second:
            assert await value(second.postgres, "select answer from kept") == 42
            assert await ping(second.redis)


async def test_rows_survive_when_everything_is_killed_at_once(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with owner(tmp_path, binaries) as first:
        await execute(first.running.postgres, "create table kept as select 42 as answer")
        everything = first.descendants()
        pids = [pid for pid, _ in everything]
        send(signal.SIGSTOP, pids)  # so that none of them reacts to another's end
        send(signal.SIGKILL, [first.process.pid, *pids])
        await end_of(everything)
    async with run_engines(tmp_path, binaries=binaries) as second:
        assert await value(second.postgres, "select answer from kept") == 42


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux tells a process of its parent's end"
)
async def test_killed_keepers_take_their_engines_with_them(tmp_path: Path, binaries: EngineBinaries) -> None:
    async with owner(tmp_path, binaries) as first:
        engines = first.descendants()
        keepers = [pid for pid, _ in engines if b"keeper.py" in _command_line(pid)]
        assert len(keepers) == 2
        send(signal.SIGKILL, [first.process.pid, *keepers])
        await end_of(engines)


async def test_an_interrupted_initdb_does_not_poison_the_next_start(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    start = asyncio.create_task(_run_briefly(tmp_path, binaries))
    async with asyncio.timeout(30):
        while not list(tmp_path.glob("postgres.new/cluster/*")):  # noqa: ASYNC110  the file system has no events here
            await asyncio.sleep(0.005)
    assert not (tmp_path / "postgres").exists()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert (tmp_path / "postgres.new").exists()
    await _run_briefly(tmp_path, binaries)
    assert not (tmp_path / "postgres.new").exists()


async def test_a_stale_lock_with_the_pid_of_a_live_process_is_no_obstacle(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    (tmp_path / "owner.lock").write_text(str(os.getppid()))
    async with run_engines(tmp_path, binaries=binaries, postgres=False) as running:
        assert await ping(running.redis)


@pytest.mark.parametrize("kind", ["live", "buried", "garbage"])
async def test_a_pid_file_of_a_dead_postgres_is_no_obstacle(
    tmp_path: Path, binaries: EngineBinaries, kind: str
) -> None:
    await _run_briefly(tmp_path, binaries)
    cluster = tmp_path / "postgres" / "cluster"
    user = cluster.stat().st_uid
    sleep = ["sleep", "60"]
    with subprocess.Popen(sleep, cwd="/", user=user if os.geteuid() == 0 else None) as sleeper:  # noqa: ASYNC220
        try:
            if kind == "buried":
                sleeper.kill()  # not asked after yet: its pid still is one of that user's
            pid = "" if kind == "garbage" else sleeper.pid
            pid_file = cluster / "postmaster.pid"
            pid_file.write_text(f"{pid}\n{cluster}\n1795475449\n5432\n\n127.0.0.1\n  1234  5678\nready\n")
            os.chown(pid_file, user, -1)
            await _run_briefly(tmp_path, binaries)
        finally:
            sleeper.kill()


async def test_a_postgres_started_by_hand_on_the_same_files_is_left_alone(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with run_engines(tmp_path / "one", binaries=binaries, redis=False, durable=False):
        await _run_briefly(tmp_path / "two", binaries)
        ours, theirs = (
            tmp_path / name / "postgres" / "cluster" / "postmaster.pid" for name in ("two", "one")
        )
        ours.write_text(theirs.read_text())
        os.chown(ours, theirs.stat().st_uid, -1)
        with pytest.raises(EngineFailed, match=r'lock file "postmaster\.pid" already exists'):
            await _run_briefly(tmp_path / "two", binaries)


def _command_line(pid: int) -> bytes:
    """Return what a process was started with; nothing when it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


async def _run_briefly(data_dir: Path, binaries: EngineBinaries) -> None:
    async with run_engines(data_dir, binaries=binaries, redis=False, durable=False) as running:
        assert await value(running.postgres, "select 1") == 1
