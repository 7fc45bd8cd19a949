"""A Redis that is full, holds nonsense, or stays away for long, under two services that share their answers over it."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from redis.asyncio import Redis

from telemetra.adapters.postgres import PostgresAddress
from tests.databases import connected
from tests.e2e.reading import Ear, Reader, listening, patient, reading, stored
from tests.e2e.service import Service, serving, when_healthy
from tests.e2e.test_live import INSERT
from tests.integration.faults.asking import METRICS, PATIENCE_SECONDS, STREAM, a_question, until
from tests.own_redis import OwnRedis

LONG_SECONDS = 20.0
"""Longer than a client that tries ten times and then gives up for ever."""
AWAY = {"status": "degraded", "database": "ok", "redis": "unavailable"}


@dataclass(frozen=True)
class Scene:
    """Two services on one Redis, which the test may harm; of each, one that reads it and one that listens to it."""

    redis: OwnRedis
    operator: Redis
    writer: asyncpg.Connection
    services: list[Service]
    readers: list[Reader]
    ears: list[Ear]

    async def assert_told_and_read(self, number: int) -> None:
        """Write, and assert that every listener is told and every reader reads it."""
        await self.writer.execute(INSERT, STREAM, number, number)
        windows = await stored(self.writer, STREAM, limit=5)
        for ear, reader in zip(self.ears, self.readers, strict=True):
            await ear.until_told(number)
            assert await reader.rows(a_question()) == windows
            assert await reader.rows(f"{METRICS}?limit=5") == windows

    async def share(self) -> tuple[str, bytes]:
        """Return a question that the first service has answered for the second too, and where that finds it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                before, question = await self.keys(), a_question()
                await self.readers[0].rows(question)
                # Stored behind the answer's back, if the service knows by then that it is not alone.
                await asyncio.sleep(0.05)
                if new := await self.keys() - before:
                    (key,) = new
                    return question, key

    async def keys(self) -> set[bytes]:
        return {key async for key in self.operator.scan_iter(b"telemetra:answers:*")}

    async def content(self, key: bytes) -> bytes:
        content = await self.operator.get(key)
        assert isinstance(content, bytes)
        return content

    def told(self, service: int, event: str) -> list[dict[str, Any]]:
        """Return a service's log lines of an event."""
        lines = map(json.loads, self.services[service].log)
        return [line for line in lines if line["event"] == event]


@pytest.fixture
async def scene(tmp_path: Path, database: PostgresAddress) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(connected(database))
        await writer.execute("insert into streams (stream_id) values ($1)", STREAM)
        await writer.execute(INSERT, STREAM, 1, 20)
        redis = await stack.enter_async_context(OwnRedis())
        operator = await stack.enter_async_context(Redis.from_url(redis.url))
        services: list[Service] = []
        readers: list[Reader] = []
        ears: list[Ear] = []
        for _ in range(2):
            service = await stack.enter_async_context(
                serving(tmp_path / "data", **patient(database, redis.url))
            )
            services.append(service)
            readers.append(await stack.enter_async_context(reading(service)))
            ears.append(await stack.enter_async_context(listening(service, STREAM)))
        yield Scene(redis, operator, writer, services, readers, ears)


async def test_a_full_redis_refuses_to_keep_answers_and_nobody_notices(scene: Scene) -> None:
    _, key = await scene.share()
    await scene.operator.config_set("maxmemory-policy", "noeviction")
    await scene.operator.config_set("maxmemory", "1")
    kept = await scene.keys()
    for number in range(21, 31):
        await scene.assert_told_and_read(number)
    refused = (await scene.operator.info("commandstats"))["cmdstat_set"]["rejected_calls"]
    assert refused >= 10
    assert await scene.keys() <= kept
    assert await scene.operator.get(key)
    for number, service in enumerate(scene.services):
        await when_healthy(service)
        assert scene.told(number, "shared_cache_away") == []
    told = [(await service.get("/metrics")).text for service in scene.services]
    counted = [
        float(value)
        for value in re.findall(
            r"^telemetra_shared_cache_refused_stores_total ([0-9.]+)$", "\n".join(told), re.MULTILINE
        )
    ]
    assert sum(counted) == refused
    assert scene.told(0, "shared_cache_refuses") or scene.told(1, "shared_cache_refuses")
    await scene.operator.config_set("maxmemory", "0")
    await scene.share()


def cut_short(genuine: bytes) -> bytes:
    return genuine[: len(genuine) // 2]


def of_another_shape(_: bytes) -> bytes:
    return msgspec.msgpack.encode({"body": "nothing"})


def of_another_version(genuine: bytes) -> bytes:
    version, *rest = msgspec.msgpack.decode(genuine)
    return msgspec.msgpack.encode([f"{version}0", *rest])


def of_no_position(genuine: bytes) -> bytes:
    version, _, *rest = msgspec.msgpack.decode(genuine)
    return msgspec.msgpack.encode([version, "no position", *rest])


def noise(_: bytes) -> bytes:
    return bytes(range(256)) * 400


async def test_nonsense_in_place_of_an_answer_is_a_miss_and_replaced(scene: Scene) -> None:
    for number, junk in enumerate((cut_short, of_another_shape, of_no_position, noise), start=1):
        question, key = await scene.share()
        genuine = await scene.content(key)
        await scene.operator.set(key, junk(genuine))
        await assert_it_is_a_miss_and_replaced(scene, question, key, genuine)
        assert len(scene.told(1, "shared_answer_unreadable")) == number
    question, key = await scene.share()
    genuine = await scene.content(key)
    await scene.operator.set(key, of_another_version(genuine))
    await assert_it_is_a_miss_and_replaced(scene, question, key, genuine)


async def test_a_key_of_another_type_is_a_miss_and_replaced(scene: Scene) -> None:
    for number in range(1, 4):
        question, key = await scene.share()
        genuine = await scene.content(key)
        await scene.operator.delete(key)
        await scene.operator.rpush(key, "no", "answer")
        await assert_it_is_a_miss_and_replaced(scene, question, key, genuine)
        assert len(scene.told(1, "shared_answer_unreadable")) == number


async def assert_it_is_a_miss_and_replaced(scene: Scene, question: str, key: bytes, genuine: bytes) -> None:
    windows = await stored(scene.writer, STREAM, limit=5)
    assert await scene.readers[1].rows(question) == windows

    async def is_replaced() -> bool:
        return await scene.operator.type(key) == b"string" and same(await scene.content(key), genuine)

    await until(is_replaced)
    assert await scene.readers[1].rows(question) == windows
    assert scene.told(1, "shared_cache_away") == []


def same(content: bytes, genuine: bytes) -> bool:
    """Whether one is the answer that the other is; where it was read, and until when it lives, differs."""
    try:
        found, wanted = msgspec.msgpack.decode(content), msgspec.msgpack.decode(genuine)
    except msgspec.DecodeError:
        return False
    return isinstance(found, list) and (found[0], found[3:-1]) == (wanted[0], wanted[3:-1])


@pytest.mark.slow_fault
async def test_a_redis_that_stays_away_for_long_and_comes_back_empty_is_found_again(scene: Scene) -> None:
    await scene.share()
    number = 21
    for _ in range(2):
        await scene.operator.set("kept", "until it ends")
        await scene.redis.kill()
        await scene.operator.aclose()
        over = time.monotonic() + LONG_SECONDS
        while time.monotonic() < over:
            await scene.assert_told_and_read(number)
            number += 1
        for service in scene.services:
            assert (await when_healthy(service, AWAY)).status_code == 200
        await scene.redis.start()
        assert await scene.operator.get("kept") is None
        for service in scene.services:
            await when_healthy(service)
        await scene.share()
        for _ in range(10):
            await scene.assert_told_and_read(number)
            number += 1
    assert {tuple(ear.counts) for ear in scene.ears} == {tuple(range(21, number))}
