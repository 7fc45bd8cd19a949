"""Answers over a Redis that hangs, is full, or comes back empty: reads go on at nearly their own speed."""

from __future__ import annotations

import asyncio
import secrets
import time

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from telemetra.adapters.redis import open_redis
from telemetra.adapters.redis.breaker import Breaker
from tests.contract.buses import proxied
from tests.contract.test_shared_answers import SECONDS
from tests.engines import run_test_engines


async def test_a_redis_that_hangs_costs_one_wait_and_not_one_a_read(redis_url: str) -> None:
    async with (
        proxied(redis_url) as (proxy, url),
        open_redis(url, namespace=secrets.token_hex(4), get_seconds=0.05) as redis,
    ):
        answers = redis.answers
        async with asyncio.timeout(SECONDS):
            answers.put(b"k", b"content", ttl_seconds=60)
            while await answers.get(b"k") is None:
                answers.put(b"k", b"content", ttl_seconds=60)
                await asyncio.sleep(0.01)
        proxy.freeze(new_ones_too=True)
        with capture_logs() as logs:
            began = time.monotonic()
            for _ in range(1_000):
                assert await answers.get(b"k") is None
                answers.put(b"k", b"content", ttl_seconds=60)
            spent = time.monotonic() - began
        # A thousand waits would be fifty seconds; the breaker lets a few attempts through.
        assert spent < 10
        assert [line["event"] for line in logs] == ["shared_cache_away"]
        proxy.thaw()
        async with asyncio.timeout(SECONDS):
            while (found := await answers.get(b"k")) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert found == b"content"


async def test_a_full_redis_refuses_and_reads_go_on() -> None:
    async with run_test_engines(postgres=False) as engines:
        assert engines.redis
        async with (
            Redis.from_url(engines.redis.url) as operator,
            open_redis(engines.redis.url, namespace="n", get_seconds=SECONDS) as redis,
        ):
            redis.answers.put(b"k", b"content", ttl_seconds=60)
            async with asyncio.timeout(SECONDS):
                while await redis.answers.get(b"k") is None:
                    pass
            await operator.config_set("maxmemory-policy", "noeviction")
            await operator.config_set("maxmemory", "1")
            with capture_logs() as logs:
                redis.answers.put(b"refused", b"content", ttl_seconds=60)
                found = await redis.answers.get(b"k")
                assert found == b"content"
                assert await redis.answers.get(b"refused") is None
                redis.answers.put(b"refused", b"content", ttl_seconds=60)
                assert await redis.answers.get(b"refused") is None
            # One line for all of them, and each is counted.
            assert [line["event"] for line in logs] == ["shared_cache_refuses"]
            assert redis.answers.refused_stores == 2
            assert not redis.answers.rests
            await operator.flushall()
            assert await redis.answers.get(b"k") is None
            await operator.config_set("maxmemory", "0")
            with capture_logs() as logs:
                for _ in range(2):
                    redis.answers.put(b"taken", b"content", ttl_seconds=60)
                    assert await redis.answers.get(b"taken") == b"content"
            assert [line["event"] for line in logs] == ["shared_cache_takes_again"]


def test_a_breaker_rests_longer_each_time_and_lets_one_decide() -> None:
    now = 0.0
    breaker = Breaker(lambda: now)
    assert [breaker.lets_try() for _ in range(3)] == [True] * 3
    for _ in range(3):
        # Those that were under way when the first failed tell nothing new.
        breaker.failed()
    rests = []
    for _ in range(6):
        began = now
        while not breaker.lets_try():
            now += 0.25
        rests.append(now - began)
        assert not breaker.lets_try()
        breaker.failed()
    assert rests == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    now += 10
    assert breaker.lets_try()
    breaker.succeeded()
    assert [breaker.lets_try() for _ in range(3)] == [True] * 3


@pytest.mark.parametrize("answer", [True, False])
def test_a_late_failure_does_not_lengthen_a_rest(answer: bool) -> None:  # noqa: FBT001
    now = 0.0
    breaker = Breaker(lambda: now)
    breaker.failed()
    breaker.failed()
    now = 0.5
    assert breaker.lets_try()
    if answer:
        breaker.succeeded()
    else:
        breaker.failed()
    assert breaker.is_closed is answer
