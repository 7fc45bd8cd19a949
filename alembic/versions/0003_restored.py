"""
What a restored dump needs: rows whose revisions lie in the future of the database that they came to.

A dump carries the numbers of the transactions of another history; until this one's reach them, such rows would be told as
changes long after they were there.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

KEYS = {"streams": "stream_id", "chat_summary_minute": "id", "moments": "moment_id"}

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
    Who serves has no right to write the tables: the function runs as its owner, and does nothing but this.

    It takes at most so many rows of each table; 0 says that there are no more.
    """
    tables = "\n".join(
        f"""
            update {table} set revision = revision where {key} in (
                select {key} from {table} where revision > present order by revision desc limit at_most
            );
            get diagnostics touched = row_count;
            restamped := restamped + touched;
        """
        for table, key in KEYS.items()
    )
    return f"""
        create function telemetra_restamp(at_most integer) returns integer
        language plpgsql security definer as $$
        declare
            present constant xid8 := pg_catalog.pg_current_xact_id();
            restamped integer := 0;
            touched integer;
        begin
            {tables}
            delete from removals where id in (
                select id from removals where revision > present order by revision desc limit at_most
            );
            get diagnostics touched = row_count;
            restamped := restamped + touched;
            update telemetra_state set removals_horizon = '0' where removals_horizon > present;
            return restamped;
        end $$
    """


def downgrade() -> None:
    op.execute("drop function telemetra_restamp(integer)")
    op.execute(_STAMP.format(unchanged=""))
