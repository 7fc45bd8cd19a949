"""The in-process level: answers by key, bounded in bytes, the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final, Generic, Protocol, TypeVar

from telemetra.domain.changes import Tag

_SPELLING_BYTES: Final = 200
_LONGEST_SPELLING: Final = 1024
"""A longer one is read anew each time."""
_ENTRY_BYTES: Final = 600
"""What an entry costs beside its content: keys, links and objects."""


class Kept(Protocol):
    """What can be kept: it knows its size, and what it was read from."""

    @property
    def size_bytes(self) -> int:
        """How much its content takes."""
        ...

    @property
    def tag(self) -> Tag:
        """What it was read from."""
        ...


K = TypeVar("K", bound=Kept)


def _forget(_: Any) -> None:
    """Do nothing about what is let go of."""


class LocalStore(Generic[K]):
    """
    Entries by canonical key, each found by the spellings of it that were asked for, too.

    Nothing here takes longer when there are more of them.
    """

    def __init__(
        self, *, max_bytes: int, max_spellings: int = 8, evicted: Callable[[K], None] = _forget
    ) -> None:
        self.size_bytes = 0
        self._max_bytes = max_bytes
        self._max_spellings = max_spellings
        self._evicted = evicted
        """Is given what there is no more room for."""
        self._entries: OrderedDict[Hashable, K] = OrderedDict()
        self._by_tag: dict[Tag, set[Hashable]] = {}
        self._sizes: dict[Hashable, int] = {}
        self._by_spelling: dict[bytes, tuple[Hashable, K]] = {}
        self._spellings: dict[Hashable, list[bytes]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, spelling: bytes) -> K | None:
        """Return the entry that this very spelling has found before."""
        found = self._by_spelling.get(spelling)
        if found is None:
            return None
        key, entry = found
        self._entries.move_to_end(key)
        return entry

    def get(self, key: Hashable, spelling: bytes | None = None) -> K | None:
        """Return the entry of a canonical key, and remember the spelling."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
            if spelling is not None:
                self._remember(key, spelling)
        return entry

    def put(self, key: Hashable, entry: K, spelling: bytes) -> bool:
        """Keep an entry in place of the one that has its key; False for one that is larger than all the room."""
        self.drop(key)
        if entry.size_bytes + _ENTRY_BYTES > self._max_bytes:
            return False
        self._entries[key] = entry
        self._by_tag.setdefault(entry.tag, set()).add(key)
        self._grow(key, entry.size_bytes + _ENTRY_BYTES)
        self._remember(key, spelling)
        self._shrink()
        return True

    def count(self, key: Hashable, entry: K, more_bytes: int) -> None:
        """Count what an entry has taken on, if it is still kept."""
        if self._entries.get(key) is entry:
            self._grow(key, more_bytes)
            self._shrink()

    def _grow(self, key: Hashable, more_bytes: int) -> None:
        self._sizes[key] = self._sizes.get(key, 0) + more_bytes
        self.size_bytes += more_bytes

    def _shrink(self) -> None:
        while self.size_bytes > self._max_bytes and self._entries:
            key, entry = next(iter(self._entries.items()))
            self.drop(key)
            self._evicted(entry)

    def drop(self, key: Hashable) -> None:
        """Let go of an entry, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.size_bytes -= self._sizes.pop(key)
        keys = self._by_tag[entry.tag]
        keys.discard(key)
        if not keys:
            del self._by_tag[entry.tag]
        for spelling in self._spellings.pop(key, ()):
            self._by_spelling.pop(spelling, None)

    def drop_tags(self, tags: Iterable[Tag]) -> None:
        """Let go of all that was read from these."""
        for tag in tags:
            for key in list(self._by_tag.get(tag, ())):
                self.drop(key)

    def clear(self) -> None:
        """Let go of everything."""
        self._entries.clear()
        self._by_tag.clear()
        self._by_spelling.clear()
        self._spellings.clear()
        self._sizes.clear()
        self.size_bytes = 0

    def _remember(self, key: Hashable, spelling: bytes) -> None:
        if spelling in self._by_spelling or len(spelling) > _LONGEST_SPELLING:
            return
        known = self._spellings.setdefault(key, [])
        if len(known) < self._max_spellings:
            known.append(spelling)
            self._grow(key, len(spelling) + _SPELLING_BYTES)
            self._by_spelling[spelling] = key, self._entries[key]
