"""TLS to a PostgreSQL that takes nothing else: who is believed, who is refused, and that the refusal says what to mend."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from telemetra.adapters.embedded import PostgresEndpoint
from telemetra.adapters.postgres import PostgresAddress, examine_postgres, open_postgres
from telemetra.adapters.postgres.connections import connect, open_pool
from telemetra.domain.errors import DatabaseUnavailable
from telemetra.domain.findings import Status
from telemetra.tls import TlsFiles
from tests.authority import Authority
from tests.databases import to_address
from tests.tls_engines import CERTIFIED, run_tls_postgres


@dataclass(frozen=True)
class World:
    """A server whose certificate is for `localhost`, and who signs what."""

    postgres: PostgresEndpoint
    ours: Authority
    others: Authority

    def address(self, mode: str, tls: TlsFiles | None = None, **changes: Any) -> PostgresAddress:
        address = to_address(self.postgres)
        return dataclasses.replace(address, **{"host": "localhost", "ssl": mode, "tls": tls} | changes)

    @property
    def root(self) -> TlsFiles:
        return TlsFiles(root_cert=self.ours.cert)


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory = tmp_path_factory.mktemp("tls")
    ours, others = Authority(directory / "ours"), Authority(directory / "others")
    async with run_tls_postgres(
        directory / "data", ours.issue("server", alt_name="DNS:localhost")
    ) as postgres:
        yield World(postgres, ours, others)


async def is_encrypted(address: PostgresAddress) -> bool:
    connection = await connect(address)
    try:
        return bool(await connection.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()"))
    finally:
        connection.terminate()


async def refusal_of(address: PostgresAddress) -> str:
    with pytest.raises(DatabaseUnavailable) as caught:
        await connect(address)
    told = str(caught.value)
    assert "\n" not in told
    await examined_as_told(address, told)
    assert not address.password or address.password not in told
    return told


def refuses_certificate(text: str) -> bool:
    """Whether it says that a client's certificate does not do: the server says so, and hangs up, and either may be heard first."""
    return "it refuses our certificate (" in text or "it hangs up: it may not take the certificate" in text


async def examined_as_told(address: PostgresAddress, told: str) -> None:
    """Make sure that the doctor says of the way there what a start says, and what mends it."""
    (finding,) = await examine_postgres(address)
    assert (finding.check, finding.status) == ("postgres.reachable", Status.PROBLEM)
    assert finding.found.removeprefix(f"{address}: ") in told or (
        refuses_certificate(finding.found) and refuses_certificate(told)
    )
    assert finding.advice.rstrip(".")
    assert "_ssl.c" not in finding.found
    if "certificate" in told:
        for setting in ("POSTGRES_SSL_CERT", "POSTGRES_SSL_ROOT_CERT", "POSTGRES_HOST"):
            if setting in told:
                assert setting in finding.found + finding.advice
        assert "pg_hba.conf" not in finding.advice


@pytest.mark.parametrize(
    "mode_and_host",
    [
        *(("prefer", "127.0.0.1"), ("require", "127.0.0.1"), ("verify-ca", "127.0.0.1")),
        *(("verify-ca", "localhost"), ("verify-full", "localhost")),
    ],
)
async def test_what_a_mode_asks_for_is_enough_for_it(world: World, mode_and_host: tuple[str, str]) -> None:
    mode, host = mode_and_host
    tls = world.root if mode.startswith("verify") else None
    assert await is_encrypted(world.address(mode, tls, host=host))


async def test_another_host_name_is_refused_by_verify_full_alone(world: World) -> None:
    told = await refusal_of(world.address("verify-full", world.root, host="127.0.0.1"))
    assert "its certificate is of another host" in told
    assert "POSTGRES_HOST" in told


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_another_authority_is_refused_where_one_is_named(world: World, mode: str) -> None:
    told = await refusal_of(world.address(mode, TlsFiles(root_cert=world.others.cert)))
    assert "can't be trusted" in told
    assert "POSTGRES_SSL_ROOT_CERT" in told


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
async def test_without_a_file_the_system_s_authorities_are_asked(world: World, mode: str) -> None:
    assert "POSTGRES_SSL_ROOT_CERT" in await refusal_of(world.address(mode))


async def test_a_server_s_certificate_that_has_expired_is_told_from_one_of_strangers(
    world: World, tmp_path: Path
) -> None:
    server = world.ours.issue("server", alt_name="DNS:localhost", days=-1)
    async with run_tls_postgres(tmp_path / "data", server) as postgres:
        address = dataclasses.replace(world.address("verify-full", world.root), port=postgres.port)
        told = await refusal_of(dataclasses.replace(address, password=postgres.password))
    assert "certificate has expired" in told
    assert "the server needs a new one" in told


async def test_without_encryption_the_server_refuses(world: World) -> None:
    assert "no encryption" in await refusal_of(world.address("disable"))


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_a_client_s_certificate_opens_without_a_password(world: World, mode: str) -> None:
    files = world.ours.issue(CERTIFIED)
    if mode == "prefer":
        files = dataclasses.replace(files, root_cert=None)
    assert await is_encrypted(world.address(mode, files, user=CERTIFIED, password=""))


async def test_a_key_may_be_in_the_file_of_its_certificate(world: World, tmp_path: Path) -> None:
    files = world.ours.issue(CERTIFIED)
    assert files.cert
    assert files.key
    both = tmp_path / "both.pem"
    both.write_text(files.cert.read_text() + files.key.read_text())
    for mode in ("require", "verify-full"):
        tls = TlsFiles(root_cert=files.root_cert, cert=both)
        assert await is_encrypted(world.address(mode, tls, user=CERTIFIED, password=""))


@pytest.mark.parametrize(
    "shown",
    [
        lambda world: world.root,
        lambda world: world.ours.issue(CERTIFIED, days=-1),
        lambda world: world.ours.issue("somebody else"),
        lambda world: dataclasses.replace(world.others.issue(CERTIFIED), root_cert=world.ours.cert),
    ],
    ids=["none", "expired", "of another role", "of another authority"],
)
async def test_a_client_s_certificate_that_does_not_do_is_named(
    world: World, shown: Callable[[World], TlsFiles]
) -> None:
    told = await refusal_of(world.address("verify-full", shown(world), user=CERTIFIED, password="none"))
    assert "POSTGRES_SSL_CERT" in told


async def test_a_server_without_tls_is_told_from_one_that_is_away(postgres: PostgresEndpoint) -> None:
    address = dataclasses.replace(to_address(postgres), ssl="require")
    assert "speaks no TLS" in await refusal_of(address)
    assert not await is_encrypted(dataclasses.replace(address, ssl="prefer"))


async def test_a_pool_goes_by_what_its_files_hold_when_it_connects(world: World, tmp_path: Path) -> None:
    root = tmp_path / "root.crt"
    root.write_bytes(world.ours.cert.read_bytes())
    address = world.address("verify-full", TlsFiles(root_cert=root), acquire_timeout_seconds=5.0)
    async with open_pool(address, size=2, idle_seconds=0.0) as pool:
        assert await pool.fetch("select 1")
        root.write_bytes(world.others.cert.read_bytes())
        with pytest.raises(DatabaseUnavailable):
            await pool.fetch("select 1")
        root.write_bytes(world.ours.cert.read_bytes())
        assert await pool.fetch("select 1")


async def test_the_service_s_side_of_the_database_is_not_opened_to_a_stranger(world: World) -> None:
    with pytest.raises(DatabaseUnavailable, match="POSTGRES_SSL_ROOT_CERT"):
        async with open_postgres(
            world.address("verify-full", TlsFiles(root_cert=world.others.cert)), live_interval_seconds=1
        ):
            pass


async def test_a_wrong_password_is_told_as_such_and_not_shown(world: World) -> None:
    told = await refusal_of(world.address("verify-full", world.root, password="wr0ng-s3cret"))
    assert "password authentication failed" in told
