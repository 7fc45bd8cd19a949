"""A PostgreSQL and a Redis that take nothing but TLS, for the tests that claim to speak it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from telemetra.adapters.embedded import EngineBinaries, PostgresEndpoint, run_engines
from telemetra.tls import TlsFiles
from tests.databases import connected, to_address
from tests.engines import test_binaries

CERTIFIED = "certified"
"""A role, and a superuser, that is known by a certificate of this name and has no password."""
REDIS_PASSWORD = "redis-s3cret"
_START_SECONDS = 30.0
_ACCESS = f"""
hostssl all {CERTIFIED} all cert
hostssl all all all scram-sha-256
"""


@asynccontextmanager
async def run_tls_postgres(directory: Path, server: TlsFiles) -> AsyncIterator[PostgresEndpoint]:
    """Run a PostgreSQL that shows this certificate, and knows clients by those of the same authority."""
    binaries = EngineBinaries(postgres_bin=_postgres_bin(), redis_server=None)
    async with run_engines(directory, redis=False, binaries=binaries, durable=False) as running:
        assert running.postgres
        cluster = directory / "postgres" / "cluster"
        for name, path in (
            ("root.crt", server.root_cert),
            ("server.crt", server.cert),
            ("server.key", server.key),
        ):
            assert path
            shutil.copyfile(path, cluster / name)
            (cluster / name).chmod(0o600)
            os.chown(cluster / name, cluster.stat().st_uid, cluster.stat().st_gid)
        async with connected(to_address(running.postgres)) as administrator:
            await administrator.execute(f"create role {CERTIFIED} superuser login")
            for setting in ("ssl = on", "ssl_ca_file = 'root.crt'"):
                await administrator.execute(f"alter system set {setting}")
            (cluster / "pg_hba.conf").write_text(_ACCESS)
            await administrator.execute("select pg_reload_conf()")
            async with asyncio.timeout(_START_SECONDS):
                while await administrator.fetchval("show ssl") != "on":  # noqa: ASYNC110  (it tells nobody)
                    await asyncio.sleep(0.02)
        yield running.postgres


@asynccontextmanager
async def run_tls_redis(server: TlsFiles) -> AsyncIterator[int]:
    """Run a Redis that shows this certificate, and wants one of the same authority of its clients; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        str(_redis_program()),
        *("--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
        *("--tls-cert-file", str(server.cert), "--tls-key-file", str(server.key)),
        *("--tls-ca-cert-file", str(server.root_cert), "--requirepass", REDIS_PASSWORD),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_START_SECONDS):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield port
    finally:
        process.kill()
        await process.wait()


def _postgres_bin() -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for found in (test_binaries().postgres_bin, *debian):
        if found and _speaks_tls(found / "postgres"):
            return found
    pytest.skip("no PostgreSQL built with TLS is installed")


def _redis_program() -> Path:
    for found in (test_binaries().redis_server, shutil.which("redis-server"), shutil.which("valkey-server")):
        if found and _speaks_tls(Path(found)):
            return Path(found)
    pytest.skip("no Redis built with TLS is installed")


def _speaks_tls(program: Path) -> bool:
    return program.exists() and b"libssl" in program.read_bytes()
