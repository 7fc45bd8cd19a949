"""
What exact live delivery needs beyond the tables: revisions, removals, checks, indexes.

Every statement is quick on a table that is full already, but the indexes: they read it once and block its writers
meanwhile.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = ("streams", "chat_summary_minute", "moments")

CHECKS = {
    "chat_summary_minute": {
        # One and not three: PostgreSQL reads each again for every statement, and a single row is a statement.
        # NaN is how Spark says 'no message': it is stored, and served as null.
        "possible": "window_end > window_start and (avg_sentiment between -1 and 1 or avg_sentiment = 'NaN') "
        "and chat_count >= 0 and unique_chatters >= 0",
    },
    "moments": {
        "moment_type_known": "moment_type in ('chat_spike', 'viewer_spike', 'sentiment_shift')",
    },
}

INDEXES = {
    # The key, which upserts name, and the newest windows of a stream, read backwards.
    "chat_summary_minute_key": "unique index {} on chat_summary_minute (stream_id, window_start, window_end)",
    "moments_newest": "index {} on moments (stream_id, timestamp)",
    "moments_newest_of_type": "index {} on moments (stream_id, moment_type, timestamp)",
    "streams_updated": "index {} on streams (updated_at)",
    # Changes of one stream in pages, and changes of all.
    "chat_summary_minute_stream_revision": "index {} on chat_summary_minute (stream_id, revision, id)",
    "chat_summary_minute_revision": "index {} on chat_summary_minute (revision)",
    "moments_stream_revision": "index {} on moments (stream_id, revision)",
    "moments_revision": "index {} on moments (revision)",
    "streams_revision": "index {} on streams (revision)",
}

REMOVAL_KEYS = {
    "streams": ("stream_id",),
    "chat_summary_minute": ("stream_id", "window_start", "window_end"),
    "moments": ("stream_id", "moment_id"),
}


def upgrade() -> None:
    for table in TABLES:
        # A constant default is kept beside the table, not written into its rows; 0 is before every position.
        op.execute(f"alter table {table} add column revision xid8 not null default '0'")
    for table, checks in CHECKS.items():
        for name, rule in checks.items():
            # Rows that are there already are not looked at; new and changed ones are.
            op.execute(f"alter table {table} add constraint {table}_{name} check ({rule}) not valid")
    for name, definition in INDEXES.items():
        op.execute("create " + definition.format(f"if not exists {name}"))
    _create_state()
    _create_stamps()
    _create_removals()


def _create_state() -> None:
    op.execute("""
        create table telemetra_state (
            only_row boolean primary key default true check (only_row),
            epoch uuid not null default gen_random_uuid(),
            removals_horizon xid8 not null default '0'
        )
    """)
    op.execute("insert into telemetra_state default values")


def _create_stamps() -> None:
    """
    A row carries the id of the transaction that wrote it, whatever its writer says.

    `*=` compares the stored images: it works for every column type, and an update that changes nothing is no change.
    """
    op.execute("""
        create function telemetra_stamp() returns trigger language plpgsql as $$
        begin
            if tg_op = 'UPDATE' then
                new.revision := old.revision;
                if new operator(pg_catalog.*=) old then
                    return new;
                end if;
            end if;
            new.revision := pg_catalog.pg_current_xact_id();
            return new;
        end $$
    """)
    for table in TABLES:
        op.execute(f"""
            create trigger telemetra_stamp before insert or update on {table}
            for each row execute function telemetra_stamp()
        """)
        # Rows that logical replication applies are changes too.
        op.execute(f"alter table {table} enable always trigger telemetra_stamp")


def _create_removals() -> None:
    op.execute("""
        create table removals (
            id bigint generated always as identity primary key,
            stream_id text,
            source text not null,
            window_start timestamp,
            window_end timestamp,
            moment_id text,
            revision xid8 not null default pg_current_xact_id(),
            removed_at timestamptz not null default now()
        )
    """)
    op.execute("comment on column removals.stream_id is 'null: the whole table was emptied'")
    op.execute("create index removals_stream_revision on removals (stream_id, revision, id)")
    op.execute("create index removals_revision on removals (revision)")
    op.execute("create index removals_removed_at on removals (removed_at)")
    for table, keys in REMOVAL_KEYS.items():
        columns = ", ".join(keys)
        values = ", ".join(f"old.{key}::text" if key.endswith("_id") else f"old.{key}" for key in keys)
        _create_removal_function(
            f"telemetra_remove_{table}",
            f"insert into removals (source, {columns}) values ('{table}', {values})",
        )
        changed = " or ".join(f"old.{key} is distinct from new.{key}" for key in keys)
        op.execute(f"""
            create trigger telemetra_remove after delete on {table}
            for each row execute function telemetra_remove_{table}()
        """)
        op.execute(f"""
            create trigger telemetra_rekey after update on {table}
            for each row when ({changed}) execute function telemetra_remove_{table}()
        """)
        _create_removal_function(
            f"telemetra_empty_{table}", f"insert into removals (source) values ('{table}')"
        )
        op.execute(f"""
            create trigger telemetra_empty after truncate on {table}
            for each statement execute function telemetra_empty_{table}()
        """)
        for trigger in ("telemetra_remove", "telemetra_rekey", "telemetra_empty"):
            op.execute(f"alter table {table} enable always trigger {trigger}")


def _create_removal_function(name: str, statement: str) -> None:
    """
    Writers need no right on `removals`: the function runs as its owner, with the path of its own schema.
    """
    op.execute(f"""
        create function {name}() returns trigger language plpgsql security definer as $$
        begin
            {statement};
            return null;
        end $$
    """)
    op.execute(f"""
        do $$ begin
            execute format('alter function {name}() set search_path = %I, pg_temp', current_schema());
        end $$
    """)
    # Triggers run it for every writer; nobody else may put it on a table of their own.
    op.execute(f"revoke execute on function {name}() from public")


def downgrade() -> None:
    for table in TABLES:
        for trigger in ("telemetra_empty", "telemetra_rekey", "telemetra_remove", "telemetra_stamp"):
            op.execute(f"drop trigger {trigger} on {table}")
        op.execute(f"drop function telemetra_remove_{table}()")
        op.execute(f"drop function telemetra_empty_{table}()")
    op.execute("drop function telemetra_stamp()")
    op.execute("drop table removals")
    op.execute("drop table telemetra_state")
    for name in INDEXES:
        op.execute(f"drop index {name}")
    for table, checks in CHECKS.items():
        for name in checks:
            op.execute(f"alter table {table} drop constraint {table}_{name}")
    for table in TABLES:
        op.execute(f"alter table {table} drop column revision")
