"""
What a restored dump needs: rows whose revisions lie in the future of the database that they came to.

A dump carries the numbers of the transactions of another history; until this one's reach them, such rows would be told as
changes long after they were there.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = ("streams", "chat_summary_minute", "moments")

_STAMP = """
    create or replace function telemetra_stamp() returns trigger language plpgsql as $$
    begin
        if tg_op = 'UPDATE' then
            new.revision := old.revision;
            if new operator(pg_catalog.*=) old then
                {unchanged}
                return new;
            end if;
        end if;
        new.revision := pg_catalog.pg_current_xact_id();
        return new;
    end $$
"""

# 0 is before every position: the row was there when the first of this history was taken.
_FROM_THE_FUTURE = """
                if old.revision operator(pg_catalog.>) pg_catalog.pg_current_xact_id() then
                    new.revision := '0';
                end if;
"""


def upgrade() -> None:
    op.execute(_STAMP.format(unchanged=_FROM_THE_FUTURE))
    op.execute(_restamp())
    op.execute("""
        do $$ begin
            execute format('alter function telemetra_restamp(integer) set search_path = %I, pg_temp', current_schema());
        end $$
    """)
    op.execute("revoke execute on function telemetra_restamp(integer) from public")
    # Whoever serves may note removals as forgotten, and so may this.
    op.execute("""
        do $$ declare served name; begin
            for served in
                select distinct grantee from information_schema.role_table_grants
                where table_schema = current_schema() and table_name = 'telemetra_state'
                    and privilege_type = 'UPDATE' and grantee not in (current_user, 'PUBLIC')
            loop
                execute format('grant execute on function telemetra_restamp(integer) to %I', served);
            end loop;
        end $$
    """)


def _restamp() -> str:
    """
    Who serves has no right to write the tables: the function runs as their owner, and does nothing but this.

    It takes at most so many rows of each table, those first whose numbers come first, and returns how many; rows that a
    writer holds are left for the next time, so that neither waits for the other. Rows by their place: a join by their
    keys would read the table for every piece.
    """
    pieces = "\n".join(
        f"""
            {change} where ctid = any(array(
                select ctid from {table} where revision > present order by revision limit at_most
                for update skip locked
            ));
            get diagnostics touched = row_count;
            restamped := restamped + touched;
        """
        for table, change in (
            *((table, f"update {table} set revision = '0'") for table in TABLES),
            ("removals", "delete from removals"),
        )
    )
    return f"""
        create function telemetra_restamp(at_most integer) returns integer
        language plpgsql security definer as $$
        declare
            present constant xid8 := pg_catalog.pg_current_xact_id();
            restamped integer := 0;
            touched integer;
        begin
            {pieces}
            update telemetra_state set removals_horizon = '0' where removals_horizon > present;
            return restamped;
        end $$
    """


def downgrade() -> None:
    op.execute("drop function telemetra_restamp(integer)")
    op.execute(_STAMP.format(unchanged=""))
