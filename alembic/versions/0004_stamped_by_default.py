"""
A new row is stamped by its column's default, which costs a bulk load and a single row nearly nothing.

A trigger before each row also keeps COPY from writing many rows at once. What is left to a trigger is what a default
can't do: updates, and rows that come with a revision of their own (a dump's, a publisher's).
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

KEYS = {
    "streams": ("stream_id",),
    "chat_summary_minute": ("stream_id", "window_start", "window_end"),
    "moments": ("moment_id",),
}

_STAMP = """
    create or replace function telemetra_stamp() returns trigger language plpgsql as $$
    begin
        {asked}
        if tg_op = 'UPDATE' then
            new.revision := old.revision;
            if new operator(pg_catalog.*=) old then
                if old.revision operator(pg_catalog.>) pg_catalog.pg_current_xact_id() then
                    new.revision := '0';
                end if;
                return new;
            end if;
        end if;
        new.revision := pg_catalog.pg_current_xact_id();
        return new;
    end $$
"""

# How `telemetra_restamp_*` asks: what it changes is nothing but the revision, which else were no change.
_ASKED = """
        if new.revision is null then
            new.revision := pg_catalog.pg_current_xact_id();
            return new;
        end if;
"""


def upgrade() -> None:
    op.execute(_STAMP.format(asked=_ASKED))
    for table, keys in KEYS.items():
        # Rows that are there keep what they have: the default is for those to come.
        op.execute(f"alter table {table} alter column revision set default pg_current_xact_id()")
        op.execute(f"drop trigger telemetra_stamp on {table}")
        op.execute(f"""
            create trigger telemetra_stamp before update on {table}
            for each row execute function telemetra_stamp()
        """)
        _create_correction(f"telemetra_correct_{table}", table, keys)
        op.execute(f"""
            create trigger telemetra_correct after insert on {table}
            for each row when (new.revision <> pg_current_xact_id()) execute function telemetra_correct_{table}()
        """)
        # Rows that logical replication applies are changes too.
        for trigger in ("telemetra_stamp", "telemetra_correct"):
            op.execute(f"alter table {table} enable always trigger {trigger}")


def _create_correction(name: str, table: str, keys: tuple[str, ...]) -> None:
    """
    Writers may have the right to insert and none to update: the function runs as its owner, in the path of its own schema.
    """
    is_it = " and ".join(f"{key} = new.{key}" for key in keys)
    op.execute(f"""
        create function {name}() returns trigger language plpgsql security definer as $$
        begin
            update {table} set revision = null where {is_it} and revision = new.revision;
            return null;
        end $$
    """)
    op.execute(f"""
        do $$ begin
            execute format('alter function {name}() set search_path = %I, pg_temp', current_schema());
        end $$
    """)
    op.execute(f"revoke execute on function {name}() from public")


def downgrade() -> None:
    for table in KEYS:
        op.execute(f"drop trigger telemetra_correct on {table}")
        op.execute(f"drop function telemetra_correct_{table}()")
        op.execute(f"drop trigger telemetra_stamp on {table}")
        op.execute(f"""
            create trigger telemetra_stamp before insert or update on {table}
            for each row execute function telemetra_stamp()
        """)
        op.execute(f"alter table {table} enable always trigger telemetra_stamp")
        op.execute(f"alter table {table} alter column revision set default '0'")
    op.execute(_STAMP.format(asked=""))
