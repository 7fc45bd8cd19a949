"""What an examination finds in a real Redis or Valkey, each thing provoked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from telemetra.adapters.redis import examine_redis
from telemetra.domain.findings import Finding, Status
from tests.contract.proxy import Proxy
from tests.own_redis import OwnRedis

TOGETHER_SECONDS = 15.0


@pytest.fixture
async def own() -> AsyncIterator[OwnRedis]:
    async with OwnRedis() as redis:
        yield redis


async def examine(url: str) -> list[Finding]:
    async with asyncio.timeout(TOGETHER_SECONDS):
        return await examine_redis(url)


async def one(url: str, check: str) -> Finding:
    (finding,) = [finding for finding in await examine(url) if finding.check == f"redis.{check}"]
    return finding


@asynccontextmanager
async def client(redis: OwnRedis) -> AsyncIterator[Any]:
    async with Redis.from_url(redis.url, socket_timeout=10) as opened:
        yield opened


async def test_a_healthy_redis_has_a_clean_bill(redis_url: str) -> None:
    findings = await examine(redis_url)
    assert [finding for finding in findings if finding.status is not Status.OK] == []
    assert [finding.check.partition(".")[2] for finding in findings] == [
        *("reachable", "version", "encryption", "role", "memory", "storing", "publishing", "latency"),
    ]


async def test_what_it_stores_is_gone_soon(own: OwnRedis) -> None:
    await examine(own.url)
    async with client(own) as redis:
        for key in await redis.keys("*"):
            assert 0 < await redis.pttl(key) <= 1_000


async def test_an_unreachable_redis_is_one_problem(own: OwnRedis) -> None:
    await own.kill()
    (finding,) = await examine(own.url)
    assert (finding.check, finding.status) == ("redis.reachable", Status.PROBLEM)
    assert finding.found.endswith("/0: connection refused")
    assert "REDIS_URL" in finding.advice


async def test_a_redis_that_stands_still_is_one_problem(own: OwnRedis) -> None:
    with own.stopped():
        (finding,) = await examine(own.url)
    assert "no answer within 2 s" in finding.found


async def test_a_wrong_or_missing_password_is_told_without_it(own: OwnRedis) -> None:
    async with client(own) as redis:
        await redis.config_set("requirepass", "sesame")
    for secret in (":hunter2@", ""):
        (finding,) = await examine(own.url.replace("//", f"//{secret}"))
        assert finding.status is Status.PROBLEM
        assert "redis://:password@host" in finding.advice
        assert "hunter2" not in str(finding)
    right = await examine(own.url.replace("//", "//:sesame@"))
    assert {finding.status for finding in right} == {Status.OK}
    assert "sesame" not in str(right)


async def test_a_database_that_is_not_there_is_a_problem(own: OwnRedis) -> None:
    (finding,) = await examine(own.url.removesuffix("/0") + "/99")
    assert finding.status is Status.PROBLEM
    assert "REDIS_URL" in finding.advice


async def test_a_limit_without_eviction_is_a_warning_and_full_a_problem(own: OwnRedis) -> None:
    async with client(own) as redis:
        await redis.config_set("maxmemory-policy", "noeviction")
        await redis.config_set("maxmemory", "100mb")
        memory = await one(own.url, "memory")
        assert memory.status is Status.WARNING
        assert memory.advice.startswith("Once it is full it refuses")
        await redis.config_set("maxmemory", "1")
        assert (await one(own.url, "memory")).advice.startswith("It is full, and refuses")
        storing = await one(own.url, "storing")
        assert storing.status is Status.PROBLEM
        assert "allkeys-lru" in storing.advice
        await redis.config_set("maxmemory", "100mb")
        await redis.config_set("maxmemory-policy", "allkeys-lru")
    assert {finding.status for finding in await examine(own.url)} == {Status.OK}


async def test_a_replica_is_a_problem(own: OwnRedis) -> None:
    async with client(own) as redis:
        await redis.replicaof("127.0.0.1", "1")
        finding = await one(own.url, "role")
    assert (finding.status, finding.found) == (Status.PROBLEM, "it is a replica")


async def test_a_user_that_may_not_publish_is_a_problem_and_one_that_may_not_look_none(
    own: OwnRedis,
) -> None:
    async with client(own) as redis:
        rules = (
            "on",
            "nopass",
            "~telemetra:*",
            "&other:*",
            "+get",
            "+set",
            "+publish",
            "+subscribe",
            "+ping",
        )
        await redis.execute_command("ACL", "SETUSER", "service", *rules)
    findings = {each.check: each for each in await examine(own.url.replace("//", "//service:x@"))}
    assert findings["redis.publishing"].status is Status.PROBLEM
    assert "&telemetra:*" in findings["redis.publishing"].advice
    assert findings["redis.storing"].status is Status.OK
    assert findings["redis.version"].status is Status.NOTE


async def test_a_redis_far_away_is_a_warning(own: OwnRedis) -> None:
    async with Proxy("127.0.0.1", own.port) as proxy:
        proxy.delay_seconds = 0.02
        finding = await one(f"redis://127.0.0.1:{proxy.port}/0", "latency")
    assert finding.status is Status.WARNING
