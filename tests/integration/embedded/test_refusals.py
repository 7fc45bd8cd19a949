"""Engines that can't start, each with one line that names the cause."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetra.adapters.embedded import DataDirectoryInUse, EngineBinaries, EngineFailed, run_engines
from telemetra.adapters.embedded.logs import cause_in
from telemetra.adapters.embedded.postgres import run_postgres
from telemetra.adapters.embedded.redis import run_redis
from tests.integration.embedded.clients import ping, value


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    """What the engines inherit."""
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody else listens, without a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def test_engines_take_another_port_when_theirs_was_taken(
    tmp_path: Path, binaries: EngineBinaries, lock: int, taken: int
) -> None:
    ports = iter([taken, free_port()])
    async with run_redis(tmp_path, binaries, lock, choose_port=ports.__next__) as redis:
        assert redis.port != taken
        assert await ping(redis)
    ports = iter([taken, free_port()])
    async with run_postgres(tmp_path, binaries, lock, durable=False, choose_port=ports.__next__) as postgres:
        assert postgres.port != taken
        assert await value(postgres, "select 1") == 1


async def test_a_machine_without_free_ports_is_given_up_with_the_reason(
    tmp_path: Path, binaries: EngineBinaries, lock: int, taken: int
) -> None:
    with pytest.raises(EngineFailed, match="already in use"):
        async with run_redis(tmp_path, binaries, lock, choose_port=lambda: taken):
            pass


async def test_a_missing_program_is_named(tmp_path: Path, binaries: EngineBinaries) -> None:
    nothing = EngineBinaries(postgres_bin=tmp_path / "nowhere", redis_server=tmp_path / "nothing")
    with pytest.raises(EngineFailed, match=r"there is no initdb at .*nowhere/initdb"):
        async with run_engines(tmp_path / "data", binaries=nothing, redis=False):
            pass
    with pytest.raises(EngineFailed, match=r"there is no valkey-server at .*nothing"):
        async with run_engines(tmp_path / "data", binaries=nothing, postgres=False):
            pass
    with pytest.raises(EngineFailed, match="set REDIS_URL"):
        async with run_engines(
            tmp_path / "data", binaries=EngineBinaries(postgres_bin=None, redis_server=None), postgres=False
        ):
            pass


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the loader's words are Linux's")
async def test_a_missing_shared_library_is_named(tmp_path: Path) -> None:
    packaged = EngineBinaries.packaged()
    lonely = tmp_path / "bin"
    lonely.mkdir()
    for name in ("postgres", "initdb"):
        shutil.copy(packaged.postgres_program(name), lonely / name)
    with pytest.raises(EngineFailed, match="error while loading shared libraries: lib") as caught:
        async with run_engines(
            tmp_path / "data", binaries=EngineBinaries(postgres_bin=lonely, redis_server=None), redis=False
        ):
            pass
    assert "\n" not in str(caught.value)


def test_an_owner_that_is_not_known_yet_has_no_number() -> None:
    assert "in use by another process:" in str(DataDirectoryInUse(Path("data"), 0))


async def test_data_of_another_major_version_is_named(tmp_path: Path, binaries: EngineBinaries) -> None:
    async with run_engines(tmp_path, binaries=binaries, redis=False, durable=False):
        pass
    (tmp_path / "postgres" / "cluster" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(
        EngineFailed, match=r"incompatible with server \(The data directory was initialized by"
    ):
        async with run_engines(tmp_path, binaries=binaries, redis=False, durable=False):
            pass


async def test_a_lost_password_is_named(tmp_path: Path, binaries: EngineBinaries) -> None:
    async with run_engines(tmp_path, binaries=binaries, redis=False, durable=False):
        pass
    password = tmp_path / "postgres" / "password"
    password.write_text("another")
    with pytest.raises(EngineFailed, match="PostgreSQL: password authentication failed"):
        async with run_engines(tmp_path, binaries=binaries, redis=False, durable=False):
            pass
    password.unlink()
    with pytest.raises(EngineFailed, match=r"No such file or directory \(.*password\)"):
        async with run_engines(tmp_path, binaries=binaries, redis=False, durable=False):
            pass


POSTGRES = "2026-01-01 00:00:00.000 UTC [7] "
VALKEY = "7:M 01 Jan 2026 00:00:00.000 # "


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ([], "it ended without a word"),
        (["first", "", "  last  "], "last"),
        (
            [
                'initdb: error: could not write file "x": No space left on device',
                "initdb: removing contents of x",
            ],
            'initdb: error: could not write file "x": No space left on device',
        ),
        (
            [
                f'{POSTGRES}LOG:  could not bind IPv4 address "127.0.0.1": Address already in use',
                f"{POSTGRES}HINT:  Is another postmaster running?",
                f"{POSTGRES}FATAL:  could not create any TCP/IP sockets",
            ],
            'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use (Is another postmaster running?)',
        ),
        (
            [
                f"running bootstrap script ... {POSTGRES}FATAL:  could not extend file: wrote only 4096 of 8192 bytes",
                f"{POSTGRES}HINT:  Check free disk space.",
                f"{POSTGRES}PANIC:  cannot abort transaction 1, it was already committed",
            ],
            "FATAL:  could not extend file: wrote only 4096 of 8192 bytes (Check free disk space.)",
        ),
        (
            [f"{POSTGRES}FATAL:  the real cause", f"{POSTGRES}FATAL:  the database system is starting up"],
            "FATAL:  the real cause",
        ),
        (
            [f"{VALKEY}Failed listening on port 1 (tcp), aborting."],
            "Failed listening on port 1 (tcp), aborting.",
        ),
    ],
)
def test_the_cause_is_found_in_a_log(tmp_path: Path, lines: list[str], cause: str) -> None:
    path = tmp_path / "engine.log"
    path.write_text("\n".join(lines))
    assert cause_in(path) == cause
