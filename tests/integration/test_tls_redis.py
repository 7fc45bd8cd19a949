"""TLS to a Redis that takes nothing else: every connection obeys, and a refusal says what to mend."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from telemetra.adapters.redis import RedisPorts, examine_redis, open_redis
from telemetra.adapters.redis.connections import connector
from telemetra.domain.errors import BusUnavailable, RedisUnavailable
from telemetra.domain.findings import Finding, Status
from telemetra.tls import TlsFiles
from tests.authority import Authority
from tests.contract.test_bus import a_moment_change, a_step, hearing
from tests.tls_engines import REDIS_PASSWORD, run_tls_redis

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class World:
    """A Redis whose certificate is for 127.0.0.1, and who signs what."""

    port: int
    ours: Authority
    others: Authority
    client: TlsFiles

    def url(self, *, host: str = "127.0.0.1", options: str = "") -> str:
        return f"rediss://:{REDIS_PASSWORD}@{host}:{self.port}/0{options}"

    @asynccontextmanager
    async def opened(self, url: str, tls: TlsFiles | None) -> AsyncIterator[RedisPorts]:
        async with open_redis(
            url,
            tls=tls,
            namespace=secrets.token_hex(4),
            publish_seconds=PATIENCE_SECONDS,
            get_seconds=PATIENCE_SECONDS,
        ) as redis:
            yield redis


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    directory = tmp_path_factory.mktemp("tls")
    ours, others = Authority(directory / "ours"), Authority(directory / "others")
    async with run_tls_redis(ours.issue("server", alt_name="IP:127.0.0.1")) as port:
        yield World(port, ours, others, ours.issue("telemetra"))


async def works(redis: RedisPorts) -> bool:
    """Use each of its connections: the probe's, the publisher's, a subscription's and that of the answers."""
    await redis.probe.check()
    redis.answers.put(b"key", b"content", ttl_seconds=60)
    assert await redis.answers.get(b"key") == b"content"
    async with hearing(redis.bus, "lofi") as hearer:
        await redis.bus.publish(a_step(1, {"lofi": [a_moment_change()]}))
        assert set((await hearer.next()).changes) == {"lofi"}
    return True


async def refusals_of(redis: RedisPorts) -> list[str]:
    """Return what each of its connections says of why it came to nothing; the probe says but that."""
    with pytest.raises(RedisUnavailable):
        await redis.probe.check()
    with pytest.raises(BusUnavailable) as caught:
        await redis.bus.publish(a_step(1))
    with capture_logs() as logs:
        assert await redis.answers.get(b"key") is None
        async with redis.bus.subscribe() as subscription, asyncio.timeout(PATIENCE_SECONDS):
            hearing = asyncio.ensure_future(anext(subscription.steps()))
            while len(logs) < 2:  # noqa: ASYNC110  (a log tells nobody that it was written to)
                await asyncio.sleep(0.01)
            hearing.cancel()
            await asyncio.wait({hearing})
    told = [str(caught.value), *(line["reason"] for line in logs)]
    assert [line["event"] for line in logs] == ["shared_cache_away", "live_bus_lost"]
    assert not any("\n" in line or REDIS_PASSWORD in line for line in told)
    return told


async def test_the_right_authority_and_certificate_open_every_connection(world: World) -> None:
    async with world.opened(world.url(), world.client) as redis:
        assert await works(redis)


async def test_another_authority_is_refused_by_every_connection(world: World) -> None:
    tls = dataclasses.replace(world.client, root_cert=world.others.cert)
    async with world.opened(world.url(), tls) as redis:
        for told in await refusals_of(redis):
            assert "can't be trusted" in told
            assert "REDIS_SSL_ROOT_CERT" in told


async def test_without_files_the_system_s_authorities_are_asked(world: World) -> None:
    async with world.opened(world.url(), None) as redis:
        for told in await refusals_of(redis):
            assert "REDIS_SSL_ROOT_CERT" in told


async def test_another_host_name_is_refused_by_every_connection(world: World) -> None:
    async with world.opened(world.url(host="localhost"), world.client) as redis:
        for told in await refusals_of(redis):
            assert "its certificate is of another host" in told
            assert "REDIS_URL" in told


async def test_the_address_may_leave_the_host_name_out_of_the_check_and_nothing_else(world: World) -> None:
    url = world.url(host="localhost", options="?ssl_check_hostname=false")
    async with world.opened(url, world.client) as redis:
        assert await works(redis)
    stranger = dataclasses.replace(world.client, root_cert=world.others.cert)
    async with world.opened(url, stranger) as redis:
        for told in await refusals_of(redis):
            assert "can't be trusted" in told


@pytest.mark.parametrize(
    "shown",
    [
        lambda world: TlsFiles(root_cert=world.ours.cert),
        lambda world: world.ours.issue("telemetra", days=-1),
        lambda world: dataclasses.replace(world.others.issue("telemetra"), root_cert=world.ours.cert),
    ],
    ids=["none", "expired", "of another authority"],
)
async def test_a_client_s_certificate_that_does_not_do_is_named(
    world: World, shown: Callable[[World], TlsFiles]
) -> None:
    async with world.opened(world.url(), shown(world)) as redis:
        for told in await refusals_of(redis):
            assert "REDIS_SSL_CERT" in told


async def examined(url: str, tls: TlsFiles | None) -> Finding:
    """Return what the doctor says of the way there, where there is none."""
    (finding,) = await examine_redis(url, tls=tls)
    assert (finding.check, finding.status) == ("redis.reachable", Status.PROBLEM)
    assert "_ssl.c" not in finding.found
    assert "Errno" not in finding.found
    assert REDIS_PASSWORD not in str(finding)
    return finding


async def test_the_doctor_says_how_the_connection_is_encrypted(world: World) -> None:
    findings = {each.check: each for each in await examine_redis(world.url(), tls=world.client)}
    assert {each.status for each in findings.values()} == {Status.OK}
    assert findings["redis.encryption"].found.startswith("TLSv1.")


async def test_the_doctor_tells_bad_certificates_apart(world: World) -> None:
    stranger = dataclasses.replace(world.client, root_cert=world.others.cert)
    finding = await examined(world.url(), stranger)
    assert "its certificate can't be trusted" in finding.found
    assert "REDIS_SSL_ROOT_CERT" in finding.advice
    finding = await examined(world.url(host="localhost"), world.client)
    assert "its certificate is of another host" in finding.found
    assert "REDIS_URL" in finding.advice
    finding = await examined(world.url(), TlsFiles(root_cert=world.ours.cert))
    assert "certificate" in finding.found
    assert "REDIS_SSL_CERT" in finding.advice
    finding = await examined(world.url().replace("rediss://", "redis://"), None)
    assert "may speak nothing but TLS" in finding.found
    assert "rediss://" in finding.advice


async def test_the_doctor_tells_of_a_server_s_certificate_that_has_expired(world: World) -> None:
    server = world.ours.issue("server", alt_name="IP:127.0.0.1", days=-1)
    async with run_tls_redis(server) as port:
        url = world.url().replace(f":{world.port}", f":{port}")
        finding = await examined(url, world.client)
    assert "certificate has expired" in finding.found
    assert finding.advice.startswith("The server needs a new one.")


async def test_a_connection_goes_by_what_the_files_hold_when_it_is_opened(
    world: World, tmp_path: Path
) -> None:
    root = tmp_path / "root.crt"
    connect = connector(world.url(), dataclasses.replace(world.client, root_cert=root))
    for authority, opens in ((world.ours, True), (world.others, False), (world.ours, True)):
        root.write_bytes(authority.cert.read_bytes())
        if opens:
            await (await connect()).disconnect()
        else:
            with pytest.raises(RedisError, match="REDIS_SSL_ROOT_CERT"):
                await connect()
