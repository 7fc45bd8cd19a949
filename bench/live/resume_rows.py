"""Rows as clients hold them: read from messages or from the tables, and compared by all that a client is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import asyncpg

Key: TypeAlias = tuple[Any, ...]
_COLUMNS: Final = {
    "window": (
        *("id", "stream_id", "window_start", "window_end", "chat_count", "unique_chatters", "top_emotes"),
        *("avg_sentiment", "chat_rate", "avg_viewers", "z_score", "is_anomaly"),
    ),
    "moment": (
        *("moment_id", "stream_id", "timestamp", "moment_type", "description", "metric_name", "metric_value"),
        *("threshold", "z_score"),
    ),
    "stream": ("stream_id", "title", "created_at", "updated_at"),
}


@dataclass(frozen=True, slots=True)
class Version:
    """A row as it was at one time: what it is found by, its life, the version's number in that, and all of its values."""

    key: Key
    life: Key
    number: int
    values: Key

    @classmethod
    def of(cls, kind: str, row: Mapping[str, Any]) -> Version:
        """Read a row of the database or of a message: both have the columns' names."""
        values = tuple(_plain(row[name]) for name in _COLUMNS[kind])
        key: Key
        match kind:
            case "window":
                key = ("window", _plain(row["window_start"]), _plain(row["window_end"]))
                return cls(key, ("window", row["id"]), row["chat_count"], values)
            case "moment":
                key = ("moment", row["moment_id"])
                return cls(key, (*key, int(row["threshold"])), int(row["metric_value"]), values)
            case _:
                life, number, _ = row["title"].split(":")
                return cls(("stream",), ("stream", int(life)), int(number), values)


def removal_key(data: Mapping[str, Any]) -> Key | None:
    """Return the key that is gone; None when it is a whole table."""
    if data.get("stream"):
        return ("stream",)
    if window := data.get("window"):
        return ("window", _plain(window["window_start"]), _plain(window["window_end"]))
    if (moment_id := data.get("moment_id")) is not None:
        return ("moment", moment_id)
    return None


async def read_stored(connection: asyncpg.Connection, stream_id: str) -> tuple[list[Version], Counter[Key]]:
    """Read a stream's rows as they stand, and how often each key was removed."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        stored = [
            Version.of(kind, row)
            for kind, table in (
                ("window", "chat_summary_minute"),
                ("moment", "moments"),
                ("stream", "streams"),
            )
            for row in await connection.fetch(f"select * from {table} where stream_id = $1", stream_id)  # noqa: S608
        ]
        rows = await connection.fetch(
            "select source, window_start, window_end, moment_id from removals where stream_id = $1", stream_id
        )
    removals: Counter[Key] = Counter()
    for row in rows:
        said = {"stream": row["source"] == "streams", "moment_id": row["moment_id"]}
        window = {"window_start": row["window_start"], "window_end": row["window_end"]}
        key = removal_key(said | ({"window": window} if row["window_start"] else {}))
        if key is not None:
            removals[key] += 1
    return stored, removals


def _plain(value: Any) -> Any:
    """Return a value so that the database's and the wire's compare equal."""
    if isinstance(value, str) and len(value) > 18 and value[10] == "T" and value[4] == "-":  # noqa: PLR2004
        return datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return tuple(value) if isinstance(value, list) else value
