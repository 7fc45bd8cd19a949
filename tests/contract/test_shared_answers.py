"""The contract of `SharedAnswers`: a store that has nothing rather than fail, or make anybody wait."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from telemetra.adapters.memory import MemoryAnswers
from telemetra.adapters.redis import open_redis
from telemetra.domain.ports import SharedAnswers
from tests.contract.buses import proxied

SECONDS = 20.0


@dataclass(frozen=True)
class AnswersWorld:
    """Answers that nobody else uses; `away` takes them away for a while."""

    answers: SharedAnswers
    away: Callable[[], AbstractAsyncContextManager[None]]

    async def found(self, key: bytes) -> bytes:
        """Return what is stored, when it is there."""
        async with asyncio.timeout(SECONDS):
            while (found := await self.answers.get(key)) is None:  # noqa: ASYNC110  (a store tells nobody)
                await asyncio.sleep(0.01)
        return found

    async def gone(self, key: bytes) -> None:
        """Return when nothing is found."""
        async with asyncio.timeout(SECONDS):
            while await self.answers.get(key) is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@asynccontextmanager
async def memory_answers(_: str) -> AsyncIterator[AnswersWorld]:
    answers = MemoryAnswers()

    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        answers.available = False
        yield
        answers.available = True

    yield AnswersWorld(answers, away)


@asynccontextmanager
async def redis_answers(url: str) -> AsyncIterator[AnswersWorld]:
    async with (
        proxied(url) as (proxy, proxied_url),
        open_redis(proxied_url, namespace=secrets.token_hex(4), get_seconds=SECONDS) as redis,
    ):

        @asynccontextmanager
        async def away() -> AsyncIterator[None]:
            await proxy.cut()
            yield
            await proxy.restore()

        yield AnswersWorld(redis.answers, away)


@pytest.fixture(params=[memory_answers, redis_answers], ids=["memory", "redis"])
async def world(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[AnswersWorld]:
    async with request.param(redis_url) as opened:
        yield opened


async def test_what_was_stored_is_found(world: AnswersWorld) -> None:
    assert await world.answers.get(b"k") is None
    world.answers.put(b"k", b"\x00\xff content", ttl_seconds=60)
    assert await world.found(b"k") == b"\x00\xff content"
    assert await world.answers.get(b"other") is None


async def test_the_last_one_counts(world: AnswersWorld) -> None:
    for number in range(100):
        world.answers.put(b"k", b"%d" % number, ttl_seconds=60)
    assert await world.found(b"k") == b"99"


async def test_it_is_gone_after_its_time(world: AnswersWorld) -> None:
    world.answers.put(b"k", b"content", ttl_seconds=0.2)
    await world.found(b"k")
    await world.gone(b"k")


async def test_many_at_once_each_get_their_own(world: AnswersWorld) -> None:
    for number in range(100):
        world.answers.put(b"k%d" % number, b"%d" % number, ttl_seconds=60)
    await world.found(b"k99")
    found = await asyncio.gather(*(world.answers.get(b"k%d" % number) for number in range(100)))
    assert list(found) == [b"%d" % number for number in range(100)]


async def test_one_that_gives_up_takes_no_other_s_answer(world: AnswersWorld) -> None:
    world.answers.put(b"k", b"content", ttl_seconds=60)
    await world.found(b"k")
    for _ in range(20):
        impatient = asyncio.ensure_future(world.answers.get(b"other"))
        patient = asyncio.ensure_future(world.answers.get(b"k"))
        await asyncio.sleep(0)
        impatient.cancel()
        found = await patient
        assert found is None or found == b"content"
    assert await world.found(b"k") == b"content"


async def test_away_it_has_nothing_and_afterwards_it_is_back(world: AnswersWorld) -> None:
    world.answers.put(b"k", b"content", ttl_seconds=60)
    await world.found(b"k")
    async with world.away():
        await world.gone(b"k")
        world.answers.put(b"lost", b"content", ttl_seconds=60)
    assert await world.found(b"k") == b"content"
