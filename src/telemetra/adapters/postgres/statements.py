"""
The statements of the reads, each one round trip; written once, by name.

A statement says where it stands, so that its rows and its position are of one snapshot.
"""

from __future__ import annotations

from typing import Final

from telemetra.adapters.postgres.columns import (
    LISTED_STREAM,
    MOMENT,
    STREAM,
    WINDOW,
    nulls,
    select_list,
    shared_select_list,
)
from telemetra.domain.moments import MomentType

TABLES: Final = ("streams", "chat_summary_minute", "moments", "removals")

_GAPS: Final = """
    select low, high from (
        select x as low, lead(x, 1, pg_snapshot_xmax(s)) over (order by x) as high
        from pg_current_snapshot() s, pg_snapshot_xip(s) x
        union all
        select '0'::xid8, coalesce((select x from pg_snapshot_xip(s) x order by x limit 1), pg_snapshot_xmax(s))
        from pg_current_snapshot() s
    ) gap order by low desc
"""
"""
The revisions between those of open transactions, from the newest down. A search from the newest revision on would step
over every row that an open transaction has written, and a bulk load writes millions.
"""

_NEWEST_REVISION: Final = "(with gaps as materialized ({}) select greatest({}))".format(
    _GAPS,
    ", ".join(
        [
            "(select removals_horizon from telemetra_state)",
            *(
                f"""(
                    select newest.revision from gaps cross join lateral (
                        select revision from {table} where revision > gaps.low and revision < gaps.high
                        order by revision desc limit 1
                    ) newest limit 1
                )"""
                for table in TABLES
            ),
        ]
    ),
)

STANDPOINT: Final = f"pg_current_snapshot()::text as snapshot, {_NEWEST_REVISION} as newest_revision"
"""Where a statement stands: what a position is made of."""

KNOWN: Final = """(
    exists (select from streams where stream_id = $1)
    or exists (select from chat_summary_minute where stream_id = $1)
    or exists (select from moments where stream_id = $1)
)"""

PING: Final = "select 1"


def _list(columns: dict[str, str], rows: str, *, known: str = "true") -> str:
    """
    Return a statement whose first row says where it stands and whether there is such a stream; the others are the rows.

    So the rows carry nothing but themselves. An append keeps its order where nothing runs in parallel, which the
    connections see to.
    """
    return f"""
        select {nulls(columns)}, {STANDPOINT}, {known} as known
        union all (select t.*, null, null, null from ({rows}) t)
    """


def _list_streams(source: str) -> str:
    return _list(
        LISTED_STREAM,
        f"""
            select {select_list(LISTED_STREAM)} from {source} t
            order by t.updated_at desc, t.stream_id collate "C" limit $1 offset $2
        """,
    )


LIST_STREAMS: Final = _list_streams("streams")
LIST_SOME_STREAMS: Final = _list_streams("(select * from streams where stream_id = any($3) offset 0)")
"""Those among `$3` alone, which a token is for: found by their keys (the offset keeps it so), then sorted."""

GET_STREAM: Final = f"""
    select p.*, t.* from (select {STANDPOINT}) p left join lateral (
        select {select_list(LISTED_STREAM)} from streams t where t.stream_id = $1
    ) t on true
"""


def list_windows(*, start: bool, end: bool, after: bool, oldest_first: bool = False) -> str:
    """Return the statement for `$1` stream, `$2` limit and, as asked for, start, end and cursor, numbered from `$3`."""
    conditions = ["t.stream_id = $1", *_range("t.window_start", start=start, end=end)]
    number = 2 + len(conditions)
    beyond, direction = _ORDERS[oldest_first]
    if after:
        conditions.append(f"(t.window_start, t.window_end) {beyond} (${number}, ${number + 1})")
    return _list(
        WINDOW,
        f"""
            select {select_list(WINDOW)} from chat_summary_minute t where {" and ".join(conditions)}
            order by t.window_start {direction}, t.window_end {direction} limit $2
        """,
        known=KNOWN,
    )


def list_moments(
    moment_type: MomentType | None,
    *,
    start: bool = False,
    end: bool = False,
    after: bool,
    oldest_first: bool = False,
) -> str:
    """
    Return the statement for `$1` stream, `$2` limit and, as asked for, start, end and cursor, numbered from `$3`.

    The type is a part of the statement: a plan that is made once for all types would read past all of a common one to
    find a rare one.
    """
    conditions = ["t.stream_id = $1", *_range("t.timestamp", start=start, end=end)]
    number = 2 + len(conditions)
    beyond, direction = _ORDERS[oldest_first]
    if after:
        conditions.append(f"t.timestamp {beyond}= ${number}")
        conditions.append(
            f'(t.timestamp {beyond} ${number} or t.moment_id::text collate "C" {beyond} ${number + 1})'
        )
    if moment_type:
        conditions.append(f"t.moment_type = '{moment_type.value}'")
    return _list(
        MOMENT,
        f"""
            select {select_list(MOMENT)} from moments t where {" and ".join(conditions)}
            order by t.timestamp {direction}, t.moment_id::text collate "C" {direction} limit $2
        """,
        known=KNOWN,
    )


_ORDERS: Final = {False: ("<", "desc"), True: (">", "asc")}
"""By whether the oldest come first: what is beyond a cursor, and which way the keys go."""


def _range(column: str, *, start: bool, end: bool) -> list[str]:
    """Return the conditions of a half-open range, numbered from `$3`."""
    compared = [f"{column} {operator}" for wanted, operator in ((start, ">="), (end, "<")) if wanted]
    return [f"{comparison} ${number}" for number, comparison in enumerate(compared, start=3)]


def _newest(table: str, columns: dict[str, str], name: str, order: str, limit: str) -> str:
    """Return the newest rows of a table for stream `$1`, as rows that all tables share."""
    return f"""
        (select '{name}' as kind, t.stream_id::text as stream_id, {shared_select_list(columns)} from {table} t
         where t.stream_id = $1 order by {order} limit {limit})
    """


_NEWEST_WINDOWS: Final = "t.window_start desc, t.window_end desc"
_NEWEST_MOMENTS: Final = 't.timestamp desc, t.moment_id::text collate "C" desc'

SNAPSHOT: Final = f"""
    select p.*, c.* from (select {STANDPOINT}, {KNOWN} as known) p left join lateral (
        {_newest("streams", STREAM, "stream", "t.stream_id", "1")}
        union all {_newest("chat_summary_minute", WINDOW, "window", _NEWEST_WINDOWS, "$2")}
        union all {_newest("moments", MOMENT, "moment", _NEWEST_MOMENTS, "$3")}
    ) c on true
"""
"""A stream as it stands: its row, its newest `$2` windows and `$3` moments, newest first."""
