"""The engines of one data directory, as long as their owner lives and behaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import asyncpg
import pytest
import redis.exceptions

from telemetra.adapters.embedded import EngineBinaries, EngineEndpoints, find_running, run_engines
from tests.integration.embedded.clients import connect, execute, ping, value
from tests.integration.embedded.owners import end_of, owner, refusal

LOOK_SECONDS = 0.001


async def test_rows_outlive_the_first_run(tmp_path: Path, binaries: EngineBinaries) -> None:
    async with run_engines(tmp_path, binaries=binaries) as first:
        await execute(first.postgres, "create table kept as select 42 as answer")
    async with run_engines(tmp_path, binaries=binaries) as second:
        assert await value(second.postgres, "select answer from kept") == 42


async def test_engines_are_private_and_safe_and_know_unicode(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with run_engines(tmp_path, binaries=binaries) as running:
        for name, wanted in {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "server_encoding": "UTF8",
            "wal_level": "logical",
            "max_prepared_transactions": "20",
            "max_connections": "200",
        }.items():
            assert (name, await value(running.postgres, f"show {name}")) == (name, wanted)
        assert await value(running.postgres, "select 'B' < 'a' and 'z' < 'ä'")


async def test_postgres_refuses_a_wrong_password(tmp_path: Path, binaries: EngineBinaries) -> None:
    async with run_engines(tmp_path, binaries=binaries, redis=False, durable=False) as running:
        for wrong in ("wrong", ""):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await connect(running.postgres, password=wrong)


async def test_redis_answers_with_the_password_and_refuses_without(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with run_engines(tmp_path, binaries=binaries, postgres=False) as running:
        assert running.postgres is None
        assert running.redis is not None
        assert await ping(running.redis)
        with pytest.raises(redis.exceptions.AuthenticationError):
            await ping(running.redis, url=f"redis://127.0.0.1:{running.redis.port}/0")
        with pytest.raises(redis.exceptions.AuthenticationError):
            await ping(running.redis, url=f"redis://:wrong@127.0.0.1:{running.redis.port}/0")


async def test_passwords_are_in_no_command_line_and_no_readable_file(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with run_engines(tmp_path / "data", binaries=binaries) as running:
        assert running.postgres is not None
        assert running.redis is not None
        secrets = (running.postgres.password, running.redis.password)
        commands = subprocess.run(
            ["ps", "-A", "-o", "command="], capture_output=True, text=True, check=True, timeout=10
        ).stdout
        assert not any(secret in commands for secret in secrets)
        assert not any(secret in repr(running) for secret in secrets)
        modes = set()
        for path in (tmp_path / "data").rglob("*"):
            # A running server takes files away.
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets):
                    modes.add(stat.S_IMODE(path.stat().st_mode))
        assert modes == {0o600}


async def test_a_second_owner_is_refused_with_the_pid_of_the_first(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with run_engines(tmp_path, binaries=binaries, durable=False) as running:
        said = await refusal(tmp_path, binaries)
        assert said.startswith("DataDirectoryInUse: ")
        assert f"in use by process {os.getpid()}:" in said
        assert await value(running.postgres, "select 1") == 1
        assert await ping(running.redis)
        assert find_running(tmp_path) == running


async def test_others_find_the_engines_of_a_live_owner(tmp_path: Path, binaries: EngineBinaries) -> None:
    assert find_running(tmp_path) is None
    assert find_running(tmp_path / "missing") is None
    async with owner(tmp_path, binaries) as first:
        found = find_running(tmp_path)
        assert isinstance(found, EngineEndpoints)
        assert found == first.running
        assert found.owner_pid == first.process.pid
        assert await value(found.postgres, "select 1") == 1
        assert await ping(found.redis)
    assert find_running(tmp_path) is None


async def test_looking_for_engines_does_not_get_in_the_way_of_a_start(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with run_engines(tmp_path, binaries=binaries, postgres=False):
        pass
    stop = asyncio.Event()

    def look_all_the_time() -> None:
        while not stop.is_set():
            find_running(tmp_path)
            # Two that never let go would hold the lock between them.
            time.sleep(LOOK_SECONDS)

    looking = [asyncio.create_task(asyncio.to_thread(look_all_the_time)) for _ in range(2)]
    try:
        async with run_engines(tmp_path, binaries=binaries, postgres=False) as running:
            assert await ping(running.redis)
    finally:
        stop.set()
        await asyncio.gather(*looking)


async def test_ctrl_c_stops_the_engines_in_order(tmp_path: Path, binaries: EngineBinaries) -> None:
    async with owner(tmp_path, binaries) as first:
        engines = first.descendants()
        await first.interrupt()
        await end_of(engines)
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()
    assert find_running(tmp_path) is None


async def test_an_engine_that_dies_is_started_again_on_its_port(
    tmp_path: Path, binaries: EngineBinaries
) -> None:
    async with run_engines(tmp_path, binaries=binaries) as running:
        await execute(running.postgres, "create table kept as select 42 as answer")
        cluster = tmp_path / "postgres" / "cluster"
        os.kill(int((cluster / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await value(running.postgres, "select answer from kept") == 42
                    break
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await asyncio.sleep(0.05)
