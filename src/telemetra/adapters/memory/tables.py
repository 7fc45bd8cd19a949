"""
The three tables and the removals, as dictionaries: what is stored, and which revision wrote it.

Knows nothing of transactions: who may write when, and who sees what, is the database's concern.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from datetime import datetime
from math import isfinite
from typing import Generic, TypeAlias, TypeVar

from telemetra.domain.changes import Change, ChangeKind, Removal, RemovedWindow
from telemetra.domain.moments import Moment
from telemetra.domain.positions import ChangeKey
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow, WindowSummary

WindowKey: TypeAlias = tuple[str, datetime, datetime]
StreamChange: TypeAlias = tuple[str | None, Change]
"""A change and the stream that it concerns; None where it concerns every stream."""

D = TypeVar("D", Stream, MetricWindow, Moment)


@dataclass(frozen=True, slots=True)
class Row(Generic[D]):
    """A stored row and the transaction that wrote its present form."""

    revision: int
    data: D


@dataclass(frozen=True, slots=True)
class RemovalRow:
    """A row of `removals`; `stream_id` is None when a whole table was emptied."""

    revision: int
    number: int
    stream_id: str | None
    removal: Removal


class Tables:
    """
    Rows by their keys. A write that changes nothing leaves the row's revision as it is.

    Every method that writes takes the revision that it writes as.
    """

    def __init__(self) -> None:
        self.streams: dict[str, Row[Stream]] = {}
        self.windows: dict[WindowKey, Row[MetricWindow]] = {}
        self.moments: dict[str, Row[Moment]] = {}
        self.removals: list[RemovalRow] = []
        self.newest_revision = 0
        """The greatest revision that any row has ever had."""
        self._windows_made = 0
        self._removals_made = 0

    def put_stream(self, revision: int, stream: Stream) -> None:
        """Insert or replace the stream's row."""
        old = self.streams.get(stream.stream_id)
        if old is None or old.data != stream:
            self.streams[stream.stream_id] = Row(self._touch(revision), stream)

    def put_window(self, revision: int, summary: WindowSummary) -> None:
        """Insert or replace the window with this key; a new one gets the next id."""
        key = (summary.stream_id, summary.window_start, summary.window_end)
        old = self.windows.get(key)
        if old is None:
            self._windows_made += 1
        window_id = old.data.id if old else self._windows_made
        window = _storable_window(summary, window_id)
        if old is None or old.data != window:
            self.windows[key] = Row(self._touch(revision), window)

    def put_moment(self, revision: int, moment: Moment) -> None:
        """Insert or replace the moment with this id; one that moves to another stream is gone from the first."""
        moment = _storable_moment(moment)
        old = self.moments.get(moment.moment_id)
        if old is not None and old.data == moment:
            return
        if old is not None and old.data.stream_id != moment.stream_id:
            self._removed(revision, old.data.stream_id, Removal(moment_id=moment.moment_id))
        self.moments[moment.moment_id] = Row(self._touch(revision), moment)

    def remove_stream(self, revision: int, stream_id: str) -> None:
        """Delete the stream's own row, if it is there; its windows and moments stay."""
        if self.streams.pop(stream_id, None):
            self._removed(revision, stream_id, Removal(stream=True))

    def remove_window(self, revision: int, key: WindowKey) -> None:
        """Delete a window, if it is there."""
        if self.windows.pop(key, None):
            stream_id, start, end = key
            gone = RemovedWindow(window_start=start, window_end=end)
            self._removed(revision, stream_id, Removal(window=gone))

    def remove_moment(self, revision: int, moment_id: str) -> None:
        """Delete a moment, if it is there."""
        if row := self.moments.pop(moment_id, None):
            self._removed(revision, row.data.stream_id, Removal(moment_id=moment_id))

    def truncate(self, revision: int, kind: ChangeKind) -> None:
        """Empty the table of this kind; told also when it was empty already, as PostgreSQL's trigger does."""
        match kind:
            case ChangeKind.STREAM:
                self.streams.clear()
            case ChangeKind.WINDOW:
                self.windows.clear()
            case ChangeKind.MOMENT:
                self.moments.clear()
            case ChangeKind.REMOVAL:
                raise ValueError("Removals are not a table that writers empty.")
        self._removed(revision, None, Removal(all=True))

    def knows(self, stream_id: str) -> bool:
        """Whether a stream, a window or a moment has this id."""
        return (
            stream_id in self.streams
            or any(key[0] == stream_id for key in self.windows)
            or any(row.data.stream_id == stream_id for row in self.moments.values())
        )

    def changes(self) -> Iterator[StreamChange]:
        """
        Every row as a change, in its newest form, in no order.

        The removal of a row that is there again is left out. Revisions do not tell which came last: the one that
        wrote the row again may have taken its id before the one that deleted it, and the row would end up removed.
        """
        for stream_id, stream in self.streams.items():
            yield stream_id, _change(stream, ChangeKind.STREAM, stream_id)
        for (stream_id, *_), window in self.windows.items():
            yield stream_id, _change(window, ChangeKind.WINDOW, f"{window.data.id:020}")
        for moment_id, moment in self.moments.items():
            yield moment.data.stream_id, _change(moment, ChangeKind.MOMENT, moment_id)
        for row in self.removals:
            if not self._is_there_again(row):
                key = ChangeKey(row.revision, ChangeKind.REMOVAL, f"{row.number:020}")
                yield row.stream_id, Change(key=key, data=row.removal)

    def _is_there_again(self, row: RemovalRow) -> bool:
        if row.stream_id is None:
            return False
        if row.removal.stream:
            return row.stream_id in self.streams
        if gone := row.removal.window:
            return (row.stream_id, gone.window_start, gone.window_end) in self.windows
        moment = self.moments.get(row.removal.moment_id or "")
        return moment is not None and moment.data.stream_id == row.stream_id

    def _removed(self, revision: int, stream_id: str | None, removal: Removal) -> None:
        self._removals_made += 1
        self.removals.append(RemovalRow(self._touch(revision), self._removals_made, stream_id, removal))

    def _touch(self, revision: int) -> int:
        self.newest_revision = max(self.newest_revision, revision)
        return revision


def _change(row: Row[D], kind: ChangeKind, key: str) -> Change:
    return Change(key=ChangeKey(row.revision, kind, key), data=row.data)


def _storable_window(summary: WindowSummary, window_id: int) -> MetricWindow:
    """Copy a window, so that a caller who goes on using its list changes nothing here."""
    values = {field.name: getattr(summary, field.name) for field in fields(WindowSummary)}
    return MetricWindow(
        **values
        | {
            "id": window_id,
            "top_emotes": list(summary.top_emotes),
            "avg_sentiment": _finite(summary.avg_sentiment),
            "chat_rate": _finite(summary.chat_rate),
            "avg_viewers": _finite(summary.avg_viewers),
            "z_score": _finite(summary.z_score),
        }
    )


def _storable_moment(moment: Moment) -> Moment:
    return replace(
        moment,
        metadata=deepcopy(moment.metadata),
        metric_value=_finite(moment.metric_value),
        threshold=_finite(moment.threshold),
        z_score=_finite(moment.z_score),
    )


def _finite(number: float | None) -> float | None:
    """Null for what JSON can't hold: readers serve it so, and NaN would never compare as unchanged."""
    return number if number is not None and isfinite(number) else None
