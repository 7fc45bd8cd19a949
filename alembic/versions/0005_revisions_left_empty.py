"""
A writer may leave a row's revision empty: who writes all columns has no value for it, and a default is none then.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

KEYS = {
    "streams": ("stream_id",),
    "chat_summary_minute": ("stream_id", "window_start", "window_end"),
    "moments": ("moment_id",),
}


def upgrade() -> None:
    for table in KEYS:
        # It is empty only until the statement ends: `telemetra_correct` fills it, also where logical replication applies.
        op.execute(f"alter table {table} alter column revision drop not null")
    _correct(is_own="is distinct from", is_same="is not distinct from")


def _correct(*, is_own: str, is_same: str) -> None:
    """Correct rows whose revision is their writer's own; the function stays its owner's, and its rights what they are."""
    for table, keys in KEYS.items():
        is_it = " and ".join(f"{key} = new.{key}" for key in keys)
        op.execute(f"""
            create or replace function telemetra_correct_{table}() returns trigger language plpgsql security definer as $$
            begin
                update {table} set revision = null where {is_it} and revision {is_same} new.revision;
                return null;
            end $$
        """)
        op.execute(f"""
            do $$ begin
                execute format(
                    'alter function telemetra_correct_{table}() set search_path = %I, pg_temp', current_schema()
                );
            end $$
        """)
        op.execute(f"drop trigger telemetra_correct on {table}")
        op.execute(f"""
            create trigger telemetra_correct after insert on {table}
            for each row when (new.revision {is_own} pg_current_xact_id()) execute function telemetra_correct_{table}()
        """)
        op.execute(f"alter table {table} enable always trigger telemetra_correct")


def downgrade() -> None:
    _correct(is_own="<>", is_same="=")
    for table in KEYS:
        op.execute(f"alter table {table} alter column revision set not null")
