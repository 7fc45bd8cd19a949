"""What the writers know to be committed: of each key the newest number, and the transaction that wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bench.live.resume_rows import Key, Version

Rows: TypeAlias = Mapping[Key, tuple[int, int] | None]
"""Of each key its number and its revision (the transaction's id); None for one that is gone."""


@dataclass(slots=True)
class Attempt:
    """A transaction that writes these keys of a stream: in doubt until it is settled or undone."""

    book: Committed
    stream_id: str
    keys: frozenset[Key]
    """Those that were not in doubt before."""

    def settle(self, rows: Rows) -> None:
        """It was committed, and left these rows."""
        self.book.doubtful[self.stream_id] -= self.keys | rows.keys()
        self.book.newest[self.stream_id].update(rows)

    def undo(self) -> None:
        """It was rolled back."""
        self.book.doubtful[self.stream_id] -= self.keys


class Committed:
    """
    The writers' own account, apart from the tables that it is compared with at the end.

    Each key has one writer, so that what was acknowledged last is what counts. A transaction whose connection was lost may
    have been committed or not: its keys are in doubt until they are written again.
    """

    def __init__(self, streams: Iterable[str]) -> None:
        self.newest: dict[str, dict[Key, tuple[int, int] | None]] = {stream: {} for stream in streams}
        self.doubtful: dict[str, set[Key]] = {stream: set() for stream in self.newest}

    def attempt(self, stream_id: str, keys: Iterable[Key]) -> Attempt:
        """Begin a transaction."""
        fresh = frozenset(keys) - self.doubtful[stream_id]
        self.doubtful[stream_id] |= fresh
        return Attempt(self, stream_id, fresh)

    def missing(self, stream_id: str, stored: Iterable[Version]) -> list[str]:
        """Compare with what is stored, and say of each acknowledged change that is not there which it is."""
        there = {version.key: version.number for version in stored}
        told = self.newest[stream_id]
        return [
            f"{stream_id}: {key} was committed as {row}, stored is {there.get(key)}"
            for key, row in told.items()
            if key not in self.doubtful[stream_id] and (row and row[0]) != there.get(key)
        ]
