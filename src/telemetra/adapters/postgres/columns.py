"""
How the rows are read: of each table, the expressions by the names that the domain gives them.

They cast to the types that the domain expects, so that a table adopted with a neighbouring type (VARCHAR, NUMERIC, a
numbered `moment_id`) or filled otherwise (an array of arrays) reads the same. Times that Python's calendar can't hold
come as the nearest that it can, and a next page goes on from there: of several such rows it skips some.
"""

from __future__ import annotations

from typing import Final


def _utc(column: str) -> str:
    """
    Return an instant within years 1 to 9999, also for `infinity` and the year 20000.

    The last one is not Python's own: the driver takes that for `infinity`, and a page that is to go on below it would
    begin at the top again.
    """
    first, last = "timestamp '0001-01-01'", "timestamp '9999-12-31 23:59:59.999998'"
    return f"least(greatest({column}, {first}), {last})::timestamp"


STREAM: Final = {
    "title": "t.title::text",
    "created_at": _utc("t.created_at"),
    "updated_at": _utc("t.updated_at"),
}
LISTED_STREAM: Final = {"stream_id": "t.stream_id::text", **STREAM}
WINDOW: Final = {
    "id": "t.id::int8",
    "window_start": _utc("t.window_start"),
    "window_end": _utc("t.window_end"),
    "chat_count": "coalesce(t.chat_count, 0)::int8",
    "unique_chatters": "coalesce(t.unique_chatters, 0)::int8",
    # As it goes over the wire: `rows` knows most of them by heart.
    "top_emotes": """array_send((case
        when array_ndims(t.top_emotes) > 1 then array(select e from unnest(t.top_emotes) e where e is not null)
        else coalesce(array_remove(t.top_emotes, null), '{}') end)::text[])""",
    "avg_sentiment": "t.avg_sentiment::float8",
    "chat_rate": "t.chat_rate::float8",
    "avg_viewers": "t.avg_viewers::float8",
    "z_score": "t.z_score::float8",
    "is_anomaly": "coalesce(t.is_anomaly, abs(nullif(t.z_score, 'NaN')) > 3, false)",
}
MOMENT: Final = {
    "moment_id": "t.moment_id::text",
    "timestamp": _utc("t.timestamp"),
    "moment_type": "t.moment_type::text",
    "description": "t.description::text",
    "metric_name": "t.metric_name::text",
    "metric_value": "t.metric_value::float8",
    "threshold": "t.threshold::float8",
    "z_score": "t.z_score::float8",
    "metadata": "t.metadata::text",
}
REMOVAL: Final = {
    "source": "t.source",
    "window_start": _utc("t.window_start"),
    "window_end": _utc("t.window_end"),
    "moment_id": "t.moment_id",
}
TYPES: Final = {
    "title": "text",
    "created_at": "timestamp",
    "updated_at": "timestamp",
    "id": "int8",
    "window_start": "timestamp",
    "window_end": "timestamp",
    "chat_count": "int8",
    "unique_chatters": "int8",
    "top_emotes": "bytea",
    "avg_sentiment": "float8",
    "chat_rate": "float8",
    "avg_viewers": "float8",
    "z_score": "float8",
    "is_anomaly": "bool",
    "moment_id": "text",
    "timestamp": "timestamp",
    "moment_type": "text",
    "description": "text",
    "metric_name": "text",
    "metric_value": "float8",
    "threshold": "float8",
    "metadata": "text",
    "source": "text",
}


def select_list(columns: dict[str, str]) -> str:
    """Return the expressions with their names."""
    return ", ".join(f"{expression} as {name}" for name, expression in columns.items())


def nulls(columns: dict[str, str]) -> str:
    """Return nulls by the same names and types: what a row has that is of another kind."""
    types = {"stream_id": "text", **TYPES}
    return ", ".join(f"null::{types[name]} as {name}" for name in columns)


def shared_select_list(columns: dict[str, str]) -> str:
    """Return all names of `TYPES`, so that rows of several tables share their columns: those of others are null."""
    return ", ".join(f"{columns.get(name, f'null::{type_}')} as {name}" for name, type_ in TYPES.items())
