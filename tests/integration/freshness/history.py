"""
What a database has held, commit by commit, and what each question's answer was at any position.

A position says which transactions it sees, so that what was there is known exactly, in whatever order they committed.
Knows nothing of caches.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

import msgspec

from telemetra.domain.moments import Moment
from telemetra.domain.positions import Position, Snapshot
from telemetra.domain.streams import Stream
from telemetra.domain.windows import WindowSummary

Row: TypeAlias = Stream | WindowSummary | Moment
Key: TypeAlias = tuple[str, ...]
"""A table, and a row's key in it."""
State: TypeAlias = Mapping[Key, Row]
STREAMS: Final = "streams"
"""The table whose rows the list is made of."""
Subject: TypeAlias = str | None
"""What an answer is about: a stream by its id, or the list of all (None)."""


@dataclass(frozen=True, slots=True)
class Write:
    """A row as it is from now on; None where it is gone."""

    key: Key
    row: Row | None


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction that changed something, and about what."""

    revision: int
    writes: Sequence[Write]
    subjects: frozenset[Subject]

    def tellers(self, subject: Subject) -> Iterable[str]:
        """Return the streams whose listeners, told of it, know of a change in this subject: its own, or rows of the list."""
        if subject is None:
            return [write.key[1] for write in self.writes if write.key[0] == STREAMS]
        return [subject]


class History:
    """All commits since the tables were emptied, by transaction `origin`, in their order."""

    def __init__(self, origin: int) -> None:
        self.origin = origin
        self.commits: list[Commit] = []
        self.now: dict[Key, Row] = {}

    def add(self, revision: int, writes: Sequence[Write]) -> None:
        """Take a commit in, if it changes anything."""
        before = dict(self.now)
        _apply(self.now, writes)
        subjects = frozenset(_subjects(before, self.now, {write.key for write in writes}))
        if subjects:
            self.commits.append(Commit(revision, writes, subjects))

    def at(self, position: Position) -> State:
        """Return what a reader at this position sees."""
        state: dict[Key, Row] = {}
        for commit in self.commits:
            if position.seen.sees(commit.revision):
                _apply(state, commit.writes)
        return state

    def lacking(self, position: Position, revisions: Iterable[int]) -> list[int]:
        """
        Return those of these transactions of which something is not seen at this position.

        A position names no transaction above the newest of which a row is left. So it may not name one all of whose rows
        were rewritten by a transaction that is older, and committed later.
        """
        lacking = []
        kept: set[Key] = set()
        for commit in reversed(self.commits):
            keys = {write.key for write in commit.writes}
            if position.seen.sees(commit.revision):
                kept |= keys
            elif commit.revision in revisions and not keys <= kept:
                lacking.append(commit.revision)
        return lacking

    def seen_at(self, snapshot: Snapshot) -> set[int]:
        """Return the transactions that a snapshot sees."""
        return {commit.revision for commit in self.commits if snapshot.sees(commit.revision)}

    def states_with(self, revisions: frozenset[int]) -> Iterator[State]:
        """Yield all that the database has held since the last of these transactions had committed."""
        state: dict[Key, Row] = {}
        lacking = set(revisions)
        for commit in (None, *self.commits):
            if commit:
                _apply(state, commit.writes)
                lacking.discard(commit.revision)
            if not lacking:
                yield dict(state)


def _apply(state: dict[Key, Row], writes: Iterable[Write]) -> None:
    for write in writes:
        if write.row is None:
            state.pop(write.key, None)
        else:
            state[write.key] = write.row


def _subjects(before: State, after: State, keys: Iterable[Key]) -> Iterator[Subject]:
    for key in keys:
        old, new = before.get(key), after.get(key)
        if old != new:
            yield from (row.stream_id for row in (old, new) if row)
            if key[0] == STREAMS:
                yield None


class Kind(Enum):
    """What is asked for."""

    LIST = "list"
    STREAM = "stream"
    METRICS = "metrics"
    MOMENTS = "moments"


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and the ways to write it: to a cache they are the same."""

    kind: Kind
    subject: Subject
    spellings: tuple[str, ...]
    limit: int

    def answer(self, state: State) -> Any:
        """Return the body that is right in this state, without the database's own numbers; None: there is none (404)."""
        if self.kind is Kind.LIST:
            streams = [row for row in state.values() if isinstance(row, Stream)]
            streams.sort(key=lambda row: row.stream_id)
            return _encoded(sorted(streams, key=lambda row: row.updated_at, reverse=True)[: self.limit])
        mine = [row for row in state.values() if row.stream_id == self.subject]
        if self.kind is Kind.STREAM:
            return next((_encoded(row) for row in mine if isinstance(row, Stream)), None)
        if not mine:
            return None
        if self.kind is Kind.METRICS:
            windows = [row for row in mine if isinstance(row, WindowSummary)]
            windows.sort(key=lambda row: row.window_start, reverse=True)
            return _encoded(windows[: self.limit])
        moments = [row for row in mine if isinstance(row, Moment)]
        moments.sort(key=lambda row: (row.timestamp, row.moment_id), reverse=True)
        return _encoded(moments[: self.limit])


def read_body(body: bytes) -> Any:
    """Return a response's body as `Question.answer` gives it."""
    read = json.loads(body)
    return [_without_number(row) for row in read] if isinstance(read, list) else read


def _without_number(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "id"}


def _encoded(rows: Row | Sequence[Row]) -> Any:
    return json.loads(msgspec.json.encode(rows))


def questions_about(stream_id: str, *, list_limit: int) -> list[Question]:
    """Return what is asked about a stream, and about the list."""
    path = f"/api/v1/streams/{stream_id}"
    odd_path = f"/api/v1/streams/%{ord(stream_id[0]):02X}{stream_id[1:]}"
    return [
        Question(Kind.STREAM, stream_id, (path, odd_path), 1),
        Question(Kind.METRICS, stream_id, (f"{path}/metrics", f"{odd_path}/metrics?limit=100"), 100),
        Question(Kind.METRICS, stream_id, (f"{path}/metrics?limit=1", f"{path}/metrics?limit=01"), 1),
        Question(Kind.MOMENTS, stream_id, (f"{path}/moments", f"{path}/moments?limit=050"), 50),
        Question(
            Kind.LIST,
            None,
            (f"/api/v1/streams?limit={list_limit}", f"/api/v1/streams?offset=0&limit={list_limit}"),
            list_limit,
        ),
    ]
