"""Rows as the driver gives them, made into what the domain speaks of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from telemetra.adapters.postgres.columns import WINDOW
from telemetra.adapters.postgres.connections import Record
from telemetra.domain.changes import Change, ChangeKind, Removal, RemovedWindow
from telemetra.domain.moments import Moment, MomentType
from telemetra.domain.positions import ChangeKey, Position, Snapshot
from telemetra.domain.streams import Stream
from telemetra.domain.windows import MetricWindow, WindowSummary

_MOMENT_TYPES: Final[dict[str, MomentType]] = {str(kind): kind for kind in MomentType}


_new_window: Final = MetricWindow.__new__
_set_stream_id: Final = WindowSummary.__dict__["stream_id"].__set__
_set_top_emotes: Final = WindowSummary.__dict__["top_emotes"].__set__
_SLOTS: Final = {
    field.name: getattr(MetricWindow, field.name).__set__
    for field in dataclasses.fields(MetricWindow)
    if field.name not in {"stream_id", "top_emotes"}
}
_BY_NAME: Final = list(_SLOTS.items())
_BY_PLACE: Final = [(list(WINDOW).index(name), put) for name, put in _SLOTS.items()]
_EMOTES_PLACE: Final = list(WINDOW).index("top_emotes")


class _Texts(dict[bytes, list[str]]):
    """Arrays of text by their wire form: the emotes of a stream's windows are few, and come again and again."""

    def __missing__(self, sent: bytes) -> list[str]:
        texts = _read_texts(sent)
        if len(sent) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[sent] = texts
        return texts


_LONGEST_REMEMBERED: Final = 512
_REMEMBERED: Final = 5_000
_texts: Final = _Texts()


def _read_texts(sent: bytes) -> list[str]:
    """
    Read what `array_send` makes of a text[] of at most one dimension without nulls.

    Twenty bytes say how many there are, the first four in how many dimensions; before each text stands its length.
    """
    if not int.from_bytes(sent[:4], "big"):
        return []
    texts, at = [], 20
    while at < len(sent):
        end = at + 4 + int.from_bytes(sent[at : at + 4], "big")
        texts.append(sent[at + 4 : end].decode())
        at = end
    return texts


def to_position(row: Record, epoch: bytes, *, floor: int = 0) -> Position:
    """Return where the statement stood that gave this row."""
    return Position(
        epoch, Snapshot.from_postgres(row["snapshot"], newest_revision=row["newest_revision"], floor=floor)
    )


def to_stream(row: Record) -> Stream:
    """Read a row of `streams`."""
    return Stream(
        stream_id=row["stream_id"],
        title=row["title"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def to_window(row: Record, stream_id: str) -> MetricWindow:
    """Read a row of `chat_summary_minute`, by its names."""
    window = _new_window(MetricWindow)
    _set_stream_id(window, stream_id)
    for name, put in _BY_NAME:
        put(window, row[name])
    _set_top_emotes(window, _texts[row["top_emotes"]].copy())
    return window


def to_windows(rows: Iterable[Record], stream_id: str) -> list[MetricWindow]:
    """
    Read a page of rows that begin with the columns of `WINDOW`.

    A page has up to a thousand: the fields are put where the frozen class keeps them, in a third of the time of its
    `__init__`.
    """
    windows = []
    for row in rows:
        window = _new_window(MetricWindow)
        _set_stream_id(window, stream_id)
        for place, put in _BY_PLACE:
            put(window, row[place])
        _set_top_emotes(window, _texts[row[_EMOTES_PLACE]].copy())
        windows.append(window)
    return windows


def to_moment(row: Record, stream_id: str) -> Moment:
    """Read a row of `moments`."""
    return Moment(
        moment_id=row["moment_id"],
        stream_id=stream_id,
        timestamp=row["timestamp"],
        moment_type=_moment_type(row["moment_type"]),
        description=row["description"],
        metric_name=row["metric_name"],
        metric_value=row["metric_value"],
        threshold=row["threshold"],
        z_score=row["z_score"],
        metadata=_metadata(row["metadata"]),
    )


def to_change(row: Record) -> Change:
    """Read a row of changes, whatever its kind."""
    kind = ChangeKind(row["kind"])
    data: Stream | MetricWindow | Moment | Removal
    match kind:
        case ChangeKind.STREAM:
            data = to_stream(row)
        case ChangeKind.WINDOW:
            data = to_window(row, row["stream_id"])
        case ChangeKind.MOMENT:
            data = to_moment(row, row["stream_id"])
        case ChangeKind.REMOVAL:
            data = _to_removal(row)
    return Change(key=ChangeKey(row["revision"], kind, row["key"]), data=data)


def _to_removal(row: Record) -> Removal:
    if row["stream_id"] is None:
        return Removal(all=True)
    match row["source"]:
        case "chat_summary_minute":
            return Removal(
                window=RemovedWindow(window_start=row["window_start"], window_end=row["window_end"])
            )
        case "moments":
            return Removal(moment_id=row["moment_id"])
        case _:
            return Removal(stream=True)


def _moment_type(text: str) -> MomentType:
    """Rows that were there before the check may hold another word; it is served as it stands, not hidden."""
    return _MOMENT_TYPES.get(text, text)  # type: ignore[arg-type]


def _metadata(text: str | None) -> dict[str, Any] | None:
    """A writer may store any JSON; what is no object, or holds what Python can't, is served as null."""
    if text is None:
        return None
    try:
        decoded = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None
