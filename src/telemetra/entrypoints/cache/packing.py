"""Making an answer's body in another coding: once, however many wait for it, and beside the loop where it takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from telemetra.entrypoints.cache.entries import Entry, Variant
from telemetra.entrypoints.http.codings import compress

LARGE_BYTES: Final = 64 * 1024
"""To compress so much takes a millisecond or more."""


class Packing:
    """`made` is told of each entry that has grown, and by how many bytes."""

    def __init__(
        self, made: Callable[[Entry, int], None], *, compress: Callable[[bytes, bytes], bytes] = compress
    ) -> None:
        self._made = made
        self._compress = compress
        self._under_way: dict[tuple[Entry, bytes], asyncio.Task[Variant]] = {}

    async def variant(self, entry: Entry, preferred: bytes) -> Variant:
        """Return an entry's body in the coding that a client prefers."""
        coding = entry.coding_for(preferred)
        if variant := entry.variant(coding):
            return variant
        if len(entry.plain.body) < LARGE_BYTES:
            return self._add(entry, coding, self._compress(entry.plain.body, coding))
        making = self._under_way.get((entry, coding))
        if making is None:
            making = self._under_way[entry, coding] = asyncio.create_task(
                self._make(entry, coding), name="pack-answer"
            )
        # Whoever goes away does not take it from the others.
        return await asyncio.shield(making)

    async def _make(self, entry: Entry, coding: bytes) -> Variant:
        try:
            packed = await asyncio.to_thread(self._compress, entry.plain.body, coding)
        finally:
            del self._under_way[entry, coding]
        return self._add(entry, coding, packed)

    def _add(self, entry: Entry, coding: bytes, packed: bytes) -> Variant:
        variant = entry.add(coding, packed)
        self._made(entry, len(packed))
        return variant
