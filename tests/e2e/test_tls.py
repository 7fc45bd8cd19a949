"""A whole service whose PostgreSQL and Redis take nothing but TLS and certificates."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import websockets

from telemetra.tls import TlsFiles
from tests.authority import Authority
from tests.e2e.service import run_telemetra, serving, when_healthy
from tests.tls_engines import CERTIFIED, REDIS_PASSWORD, run_tls_postgres, run_tls_redis

_CHAT = [{"t": second, "user": "ada", "text": "hello", "emotes": []} for second in range(0, 150, 10)]
_SESSIONS = """
    select count(*), bool_and(s.ssl and s.client_dn = $1) from pg_stat_ssl s join pg_stat_activity a using (pid)
    where a.application_name = 'telemetra'
"""


@dataclass(frozen=True)
class World:
    """Where the servers are, and who signs what; both certificates are for `localhost`."""

    postgres_port: int
    redis_port: int
    client: TlsFiles
    others: Authority

    def settings(self, postgres: TlsFiles | None = None, redis: TlsFiles | None = None) -> dict[str, str]:
        return {
            "POSTGRES_HOST": "localhost",
            "POSTGRES_PORT": str(self.postgres_port),
            "POSTGRES_USER": CERTIFIED,
            "POSTGRES_PASSWORD": "postgres-s3cret",
            "POSTGRES_SSL": "verify-full",
            "REDIS_URL": f"rediss://:{REDIS_PASSWORD}@localhost:{self.redis_port}",
            **_named("POSTGRES_SSL", postgres or self.client),
            **_named("REDIS_SSL", redis or self.client),
        }


def _named(prefix: str, files: TlsFiles) -> dict[str, str]:
    paths = {"ROOT_CERT": files.root_cert, "CERT": files.cert, "KEY": files.key}
    return {f"{prefix}_{name}": str(path) for name, path in paths.items() if path}


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory = tmp_path_factory.mktemp("tls")
    ours, others = Authority(directory / "ours"), Authority(directory / "others")
    server = ours.issue("server", alt_name="DNS:localhost")
    async with run_tls_postgres(directory / "data", server) as postgres, run_tls_redis(server) as redis_port:
        yield World(postgres.port, redis_port, ours.issue(CERTIFIED), others)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


async def test_every_way_to_the_servers_is_encrypted_and_checked(world: World, data_dir: Path) -> None:
    settings = world.settings()
    log = data_dir.parent / "chat.jsonl"
    log.write_text("\n".join(map(json.dumps, _CHAT)))
    code, out, error = await run_telemetra(data_dir, "migrate", **settings)
    assert (code, "schema revision" in out) == (0, True), error
    code, url, _ = await run_telemetra(data_dir, "database-url", **settings)
    assert code == 0
    stranger = await asyncpg.connect(url.strip())
    async with serving(data_dir, **settings) as service:
        await when_healthy(service)
        await stranger.execute("insert into streams (stream_id, title) values ('s', 'First')")
        async with websockets.connect(f"{service.live_url}/s") as listener:
            replay = ("replay", str(log), "--stream", "s", "--speed", "max")
            code, _, error = await run_telemetra(data_dir, *replay, **settings)
            assert code == 0, error
            async with asyncio.timeout(60):
                while json.loads(await listener.recv())["type"] != "metrics":
                    pass
        assert (await service.get("/api/v1/streams/s/metrics")).json()
        sessions, all_checked = await stranger.fetchrow(_SESSIONS, f"/CN={CERTIFIED}")
        assert (sessions > 1, all_checked) == (True, True)
    await stranger.close(timeout=10)
    assert (await run_telemetra(data_dir, "epoch", "renew", **settings))[0] == 0


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("migrate",), ("epoch", "renew")])
async def test_a_database_that_cannot_be_trusted_is_one_line_that_says_what_to_mend(
    world: World, data_dir: Path, command: tuple[str, ...]
) -> None:
    stranger = dataclasses.replace(world.client, root_cert=world.others.cert)
    code, _, error = await run_telemetra(data_dir, *command, **world.settings(postgres=stranger))
    assert code == 1
    (line,) = error.strip().splitlines()
    assert "its certificate can't be trusted" in line
    assert "POSTGRES_SSL_ROOT_CERT" in line
    assert "s3cret" not in line


async def test_a_redis_that_cannot_be_trusted_is_told_and_reads_go_on(world: World, data_dir: Path) -> None:
    stranger = dataclasses.replace(world.client, root_cert=world.others.cert)
    settings = world.settings(redis=stranger)
    assert (await run_telemetra(data_dir, "migrate", **settings))[0] == 0
    async with serving(data_dir, **settings) as service:
        assert (await service.get("/api/v1/health")).json()["redis"] == "unavailable"
        assert (await service.get("/api/v1/streams")).status_code == 200
        line = await service.logged(event="live_bus_lost")
        assert "REDIS_SSL_ROOT_CERT" in line["reason"]
        assert not any("s3cret" in line for line in service.log)


async def test_an_embedded_engine_beside_a_server_of_one_s_own_has_no_use_for_its_files(
    world: World, data_dir: Path
) -> None:
    settings = {name: value for name, value in world.settings().items() if name != "REDIS_URL"}
    assert (await run_telemetra(data_dir, "migrate", **settings))[0] == 0
    async with serving(data_dir, "--workers", "2", **settings) as service:
        await when_healthy(service)
