"""Bodies in other codings are made once, however many wait for them."""

from __future__ import annotations

import asyncio
import gzip
import threading

import pytest

from telemetra.domain.positions import Position, Snapshot
from telemetra.entrypoints.cache.entries import Entry
from telemetra.entrypoints.cache.packing import LARGE_BYTES, Packing
from telemetra.entrypoints.cache.questions import Questions
from telemetra.entrypoints.http.streams import STREAM_READ
from telemetra.settings import Settings

PATIENCE_SECONDS = 10.0


def an_entry(size_bytes: int) -> Entry:
    scope = {"path": "/api/v1/streams/s", "raw_path": b"/api/v1/streams/s", "query_string": b""}
    question = Questions([STREAM_READ], Settings()).recognise(scope, b"")
    assert question
    position = Position(b"12345678", Snapshot(5))
    return Entry(question, position, [(b"etag", b'"e"')], b"x" * size_bytes, expires_at=1.0)


@pytest.mark.parametrize("size_bytes", [LARGE_BYTES - 1, LARGE_BYTES])
async def test_a_body_is_packed_once_and_counted_once(size_bytes: int) -> None:
    made: list[int] = []
    packed: list[bytes] = []
    entry = an_entry(size_bytes)

    def pack(body: bytes, _: bytes) -> bytes:
        packed.append(body)
        return gzip.compress(body)

    packing = Packing(lambda _, more_bytes: made.append(more_bytes), compress=pack)
    variants = await asyncio.gather(*(packing.variant(entry, b"gzip") for _ in range(50)))
    assert len(packed) == 1
    assert made == [len(variants[0].body)]
    assert len({id(variant) for variant in variants}) == 1


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    begin = threading.Event()

    def pack(body: bytes, _: bytes) -> bytes:
        assert begin.wait(PATIENCE_SECONDS)
        return gzip.compress(body)

    packing = Packing(lambda *_: None, compress=pack)
    entry = an_entry(LARGE_BYTES)
    first, second = (asyncio.create_task(packing.variant(entry, b"gzip")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    begin.set()
    assert gzip.decompress((await second).body) == entry.plain.body


async def test_what_could_not_be_packed_is_tried_anew() -> None:
    faults = [MemoryError()]

    def pack(body: bytes, _: bytes) -> bytes:
        if faults:
            raise faults.pop()
        return gzip.compress(body)

    packing = Packing(lambda *_: None, compress=pack)
    entry = an_entry(LARGE_BYTES)
    with pytest.raises(MemoryError):
        await packing.variant(entry, b"gzip")
    assert (await packing.variant(entry, b"gzip")).body
