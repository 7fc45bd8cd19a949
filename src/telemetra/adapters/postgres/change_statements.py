"""
The statements of the feed of changes.

What changed between two snapshots is asked by ranges of revisions (`Snapshot.newly_seen`): no row of a transaction that
is still open is looked at, and every part is a scan of one index that ends at the limit.
"""

from __future__ import annotations

from typing import Final

from telemetra.adapters.postgres.columns import MOMENT, REMOVAL, STREAM, WINDOW, shared_select_list
from telemetra.adapters.postgres.statements import KNOWN, STANDPOINT, TABLES
from telemetra.domain.changes import ChangeKind

EPOCH: Final = """
    select s.epoch || ' ' || s.tableoid as epoch, concat_ws(
        ' ', system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), d.oid, s.tableoid, s.epoch
    ) as history
    from telemetra_state s, pg_control_system(), pg_database d where d.datname = current_database()
"""

RENEW_EPOCH: Final = """
    with renewed as (update telemetra_state set epoch = gen_random_uuid() returning only_row)
    select telemetra_restamp($1) from renewed
"""
"""Begin another epoch and re-stamp the first rows from the future (see `RESTAMP`), or do neither."""

IS_FROM_THE_FUTURE: Final = (
    "select {} from telemetra_state, pg_snapshot_xmax(pg_current_snapshot()) present".format(
        " or ".join(
            [
                "removals_horizon >= present",
                *(f"exists (select from {table} where revision >= present)" for table in TABLES),
            ]
        )
    )
)
"""Whether any revision is one that no transaction of this database has reached."""

RESTAMP: Final = "select telemetra_restamp($1)"
"""Make at most `$1` such revisions of each table older than every position; 0: there are none."""

IDENTITY: Final = """
    select system_identifier::text || '-' || oid::text
    from pg_control_system(), pg_database where datname = current_database()
"""

SNAPSHOT_TEXT: Final = "select pg_current_snapshot()::text"

_EPOCH: Final = "(select s.epoch || ' ' || s.tableoid from telemetra_state s) as epoch"

STAND: Final = f"select {STANDPOINT}, {_EPOCH}"
"""Where the database stands, and the stored part of its epoch."""

_HORIZON: Final = "(select removals_horizon from telemetra_state) as removals_horizon"

STAND_AND_HORIZON: Final = f"select {STANDPOINT}, {_HORIZON}"
"""Where the database stands, and the newest revision of removals that are gone."""

STAND_BY_STREAM: Final = f"select {STANDPOINT}, {KNOWN} as known, {_HORIZON}"
"""Where the database stands, whether stream `$1` is known, and the newest revision of removals that are gone."""

_WANTED: Final = "($4::text[] is null or t.stream_id is null or t.stream_id = any($4))"

_STILL_REMOVED: Final = """case t.source
    when 'streams' then not exists (select from streams r where r.stream_id = t.stream_id offset 0)
    when 'chat_summary_minute' then not exists (
        select from chat_summary_minute r
        where r.stream_id = t.stream_id and r.window_start = t.window_start and r.window_end = t.window_end offset 0)
    when 'moments' then not exists (
        select from moments r where r.stream_id = t.stream_id and r.moment_id::text = t.moment_id offset 0)
end"""
"""
A removal counts while its key is gone. A transaction that began before the removal may have written the row again after
it: by revisions alone the removal would seem to be the last word. The offsets keep each a look into an index: without
them a planner may read the whole table into a hash.
"""

_TABLES: Final = {
    ChangeKind.REMOVAL: ("removals", REMOVAL, "lpad(t.id::text, 20, '0')", "t.id"),
    ChangeKind.STREAM: ("streams", STREAM, "t.stream_id::text", 't.stream_id::text collate "C"'),
    ChangeKind.WINDOW: ("chat_summary_minute", WINDOW, "lpad(t.id::text, 20, '0')", "t.id"),
    ChangeKind.MOMENT: ("moments", MOMENT, "t.moment_id::text", 't.moment_id::text collate "C"'),
}
"""
Of each kind of change: where its rows are, what is read of them, the text that orders them in a revision, and what
gives the same order by an index.
"""

_AFTER: Final = {
    # In the terms of the index, so that a page begins where the last one ended and not at the revision's first row.
    ChangeKind.REMOVAL: "(t.revision, t.id) > ($5::xid8, $6::int8)",
    ChangeKind.STREAM: "(t.revision > $5::xid8 or (t.revision = $5::xid8 and $7::bool))",
    ChangeKind.WINDOW: "(t.revision, t.id) > ($5::xid8, $8::int8)",
    ChangeKind.MOMENT: """(t.revision > $5::xid8 or (
        t.revision = $5::xid8 and ($9::text is null or t.moment_id::text collate "C" > $9::text)
    ))""",
}


def _part(kind: ChangeKind, conditions: list[str], tail: str) -> str:
    """Return the changes of one kind in each range of revisions, as rows that all kinds share."""
    table, columns, key, _ = _TABLES[kind]
    if kind is ChangeKind.REMOVAL:
        conditions = [*conditions, f"(t.stream_id is null or {_STILL_REMOVED})"]
    where = " and ".join(["t.revision >= r.low", "t.revision < r.high", *conditions])
    return f"""
        select c.* from ranges r cross join lateral (
            select {kind:d} as kind, t.revision, ({key}) collate "C" as key, t.stream_id::text as stream_id,
                   {shared_select_list(columns)}
            from {table} t where {where} {tail}
        ) c
    """


def _of_stream() -> str:
    parts = []
    for kind, (*_, order) in _TABLES.items():
        # A whole table's removal concerns every stream; as a part of its own it keeps the index in use.
        owners = (
            ["t.stream_id = $1", "t.stream_id is null"]
            if kind is ChangeKind.REMOVAL
            else ["t.stream_id = $1"]
        )
        tail = f"order by t.revision, {order} limit $4"
        parts += [_part(kind, [owner, _AFTER[kind]], tail) for owner in owners]
    return " union all ".join(f"({part})" for part in parts)


CHANGES_OF_STREAM: Final = f"""
    with ranges as (select * from unnest($2::xid8[], $3::xid8[]) r (low, high))
    select * from ({_of_stream()}) c order by revision, kind, key limit $4
"""
"""
The changes of stream `$1` in the ranges of revisions `$2` to `$3`, `$4` of them, after a key: revision `$5`, and in it
removals after `$6`, the stream's row if `$7`, windows after `$8`, moments after `$9` (null: all).
"""

CHANGES: Final = f"""
    with ranges as (select * from unnest($1::xid8[], $2::xid8[]) r (low, high))
    select * from (
        select * from ({" union all ".join(f"({_part(kind, [_WANTED], 'limit $3')})" for kind in _TABLES)}) c limit $3
    ) found order by revision, kind, key
"""
"""
The changes in the ranges of revisions `$1` to `$2`: any `$3` of them, in order; those of the streams `$4` alone, and removals
that concern all, or of every stream (null).
"""

_TOUCHED: Final = """
    select t.stream_id::text as stream_id, {listing} as lists from ranges r cross join lateral (
        select t.* from {table} t where t.revision >= r.low and t.revision < r.high order by t.revision limit $3
    ) t
"""

_LISTING: Final = {ChangeKind.STREAM: "true", ChangeKind.REMOVAL: "t.source = 'streams'"}

TOUCHED: Final = f"""
    with ranges as (select * from unnest($1::xid8[], $2::xid8[]) r (low, high))
    select stream_id, count(*) as changes, bool_or(lists) as lists from (select * from (
        {
    " union all ".join(
        _TOUCHED.format(table=table, listing=_LISTING.get(kind, "false"))
        for kind, (table, *_) in _TABLES.items()
    )
}
    ) t limit $3) t group by stream_id
"""
"""
Which streams have changes in the ranges of revisions `$1` to `$2`, how many, and whether the stream's own row is among
them; any `$3` changes are looked at. Null stands for all streams. The order keeps to the index on revisions.
"""


DEMOTED_TRIGGERS: Final = """
    select format('alter table %s enable always trigger %I', tgrelid::regclass, tgname) from pg_trigger
    where tgname like 'telemetra\\_%' and tgenabled <> 'A' and not tgisinternal
        and tgrelid = any(array['streams', 'chat_summary_minute', 'moments']::regclass[])
"""
"""What mends each of our triggers that does not fire for everybody; `enable trigger all` makes them so."""

END_WHEN_SILENT: Final = "set idle_session_timeout = '3s'"
"""The server ends a session that says nothing for so long; its locks go with it."""

# Any constant that no other program locks by chance: the bytes of 'live'. The second number lets several schemas of one
# database have a leader each.
TRY_LEAD: Final = f"""
    select pg_try_advisory_lock({int.from_bytes(b"live", "big")}, 'telemetra_state'::regclass::oid::int4) as leads, {_EPOCH}
"""
"""Take the lead if nobody has it; it goes with the session. And the stored part of the epoch."""

TRIM_REMOVALS: Final = """
    with gone as (
        delete from removals where id in (
            select id from removals where removed_at < now() - $1::interval order by removed_at limit $2
        ) returning revision
    ), kept as (
        update telemetra_state
        set removals_horizon = greatest(removals_horizon, (select revision from gone order by revision desc limit 1))
        where exists (select from gone)
    )
    select count(*) from gone
"""
"""Forget at most `$2` removals that are older than `$1`, and note how far back positions can be resumed."""
