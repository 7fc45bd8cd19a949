"""Rows as CSV (RFC 4180) and as lines of JSON, column by column as JSON has them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")
Cell: TypeAlias = Callable[[Any], str]
"""Writes one value of a column; null is no text at all, and never comes here."""

_NEEDS_QUOTES: Final = re.compile(r'[",\r\n]|^$|^\s|\s$')
_encoder: Final = msgspec.json.Encoder()


class CsvRows(Generic[T]):
    """
    Writes CSV: a line of names, then a line each row.

    Null is an empty cell and an empty text is `""`, as `COPY` has it. Texts stand as they were written, also where a
    spreadsheet would take them for a formula: an export says what is there.
    """

    def __init__(self, kind: type[T], cells: Mapping[str, Cell]) -> None:
        self._columns = [(field.name, cells[field.name]) for field in dataclasses.fields(kind)]  # type: ignore[arg-type]

    def begin(self) -> bytes:
        """Return the line of names."""
        return ",".join(name for name, _ in self._columns).encode() + b"\r\n"

    def rows(self, rows: Sequence[T]) -> bytes:
        """Return the lines of these rows."""
        columns = self._columns
        lines = [
            ",".join(
                ["" if (value := getattr(row, name)) is None else write(value) for name, write in columns]
            )
            for row in rows
        ]
        lines.append("")
        return "\r\n".join(lines).encode()

    def end(self) -> bytes:
        """Return nothing: the last line has ended."""
        return b""


class JsonLines(Generic[T]):
    """Writes each row as an object of JSON on a line of its own, the same as in a page."""

    def begin(self) -> bytes:
        """Return nothing: the first row is the first line."""
        return b""

    def rows(self, rows: Sequence[T]) -> bytes:
        """Return the lines of these rows."""
        return _encoder.encode_lines(rows)

    def end(self) -> bytes:
        """Return nothing: the last line has ended."""
        return b""


def text_cell(value: str) -> str:
    """Write a text, in quotes where it would not be read as what it is."""
    if _NEEDS_QUOTES.search(value):
        return '"' + value.replace('"', '""') + '"'
    return value


def number_cell(value: float) -> str:
    """Write a number; what JSON has no word for is null."""
    return repr(value) if isfinite(value) else ""


def flag_cell(value: bool) -> str:  # noqa: FBT001  (it is the value itself)
    """Write true or false."""
    return "true" if value else "false"


def instant_cell(value: datetime) -> str:
    """Write an instant in UTC (RFC 3339)."""
    return value.isoformat().replace("+00:00", "Z")


def json_cell(value: Any) -> str:
    """Write what is no single value, as JSON."""
    return text_cell(_encoder.encode(value).decode())


WINDOW_CELLS: Final[Mapping[str, Cell]] = {
    "stream_id": text_cell,
    "window_start": instant_cell,
    "window_end": instant_cell,
    "chat_count": str,
    "unique_chatters": str,
    "top_emotes": json_cell,
    "avg_sentiment": number_cell,
    "chat_rate": number_cell,
    "avg_viewers": number_cell,
    "z_score": number_cell,
    "is_anomaly": flag_cell,
    "id": str,
}
MOMENT_CELLS: Final[Mapping[str, Cell]] = {
    "moment_id": text_cell,
    "stream_id": text_cell,
    "timestamp": instant_cell,
    "moment_type": text_cell,
    "description": text_cell,
    "metric_name": text_cell,
    "metric_value": number_cell,
    "threshold": number_cell,
    "z_score": number_cell,
    "metadata": json_cell,
}
