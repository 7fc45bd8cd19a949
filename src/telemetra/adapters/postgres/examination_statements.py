"""What an examination asks of PostgreSQL, and what of ours it expects to find there. It reads, and takes no lock."""

from __future__ import annotations

from typing import Final

BEGIN: Final = "begin read only; set local statement_timeout = '1500ms'"
"""What waits for somebody's lock says so, instead of taking the connection with it."""

ROLLBACK: Final = "rollback"

SERVER: Final = """
    select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
           pg_is_in_recovery() as is_standby,
           (select setting = 'on' from pg_settings where name = 'default_transaction_read_only') as refuses_writes
"""

BACKEND: Final = "select pg_backend_pid()"

ENCRYPTION: Final = "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"

CLOCK: Final = "select extract(epoch from clock_timestamp())::float8"

CONNECTIONS: Final = """
    select current_setting('max_connections')::int as most,
           current_setting('superuser_reserved_connections')::int
               + coalesce(current_setting('reserved_connections', true)::int, 0) as reserved,
           (select rolconnlimit from pg_roles where rolname = current_user) as role_limit,
           (select datconnlimit from pg_database where datname = current_database()) as database_limit,
           count(*)::int as used,
           (count(*) filter (where application_name = 'telemetra' and pid <> pg_backend_pid()))::int as ours
    from pg_stat_activity where datid is not null and usesysid is not null
"""
"""A client's connection is of a database and a role; more than that is shown of those of the same role alone."""

DURABILITY: Final = """
    select null as whose, name, null as mend from pg_settings
    where (name = 'fsync' and setting = 'off') or (
        name = 'synchronous_commit' and reset_val = 'off' and source not in ('database', 'user', 'database user')
    )
    union all
    select concat_ws(' in ', coalesce('role ' || rolname, 'all roles'), 'database ' || datname), 'synchronous_commit',
           case when setrole = 0 and setdatabase <> 0 then format('alter database %I reset synchronous_commit', datname)
                else concat_ws(' ', 'alter role', coalesce(quote_ident(rolname), 'all'),
                               'in database ' || quote_ident(datname), 'reset synchronous_commit') end
    from pg_db_role_setting left join pg_roles r on r.oid = setrole left join pg_database d on d.oid = setdatabase
    where exists (select from unnest(setconfig) c where c ~* '^synchronous_commit=(off|false|no|0)$')
        and (setdatabase = 0 or datname = current_database())
"""
"""
Whose commits a crash may lose: the whole server's (null), and those by the defaults of roles and of this database.
"""

PREPARED: Final = """
    select format('%L', gid) as gid, owner::text, database::text, now() - prepared as age from pg_prepared_xacts
    where now() - prepared > $1 order by prepared limit 5
"""
"""Of any database of the server: the numbers of transactions are everybody's."""

LONG_RUNNING: Final = """
    select pid, usename::text as owner, datname::text as database, state, now() - xact_start as age
    from pg_stat_activity where backend_xid is not null and now() - xact_start > $1 order by xact_start limit 5
"""
"""Transactions that have written: one that only reads is in nobody's snapshot."""

HIDDEN_SESSIONS: Final = """
    select count(*)::int from pg_stat_activity
    where query = '<insufficient privilege>' and datid is not null and usesysid is not null
"""

SCHEMA_REVISION: Final = "select version_num from telemetra_schema"

IS_INITIALISED: Final = "select exists (select from telemetra_state)"

MISSING_RIGHTS: Final = """
    select privilege, object from unnest($1::text[], $2::text[]) wanted (privilege, object)
    where not coalesce(case when object like '%(%)'
        then has_function_privilege(to_regprocedure(object)::oid, privilege)
        else has_table_privilege(to_regclass(object)::oid, privilege) end, true)
"""
"""The rights `$1` on the objects `$2` that this role lacks; what is not there at all is the schema's concern."""

WHO: Final = "select quote_ident(current_user)"

RIGHTS: Final = (
    *(
        ("select", table)
        for table in (
            *("streams", "chat_summary_minute", "moments", "removals"),
            *("telemetra_state", "telemetra_schema"),
        )
    ),
    ("delete", "removals"),
    ("update", "telemetra_state"),
    ("execute", "telemetra_restamp(integer)"),
)
"""What who serves may do, as the README grants it."""

TABLES: Final = ("streams", "chat_summary_minute", "moments")

_KEY_CHANGES: Final = {
    "streams": "old.stream_id is distinct from new.stream_id",
    "chat_summary_minute": "old.stream_id is distinct from new.stream_id or old.window_start is distinct from "
    "new.window_start or old.window_end is distinct from new.window_end",
    "moments": "old.stream_id is distinct from new.stream_id or old.moment_id is distinct from new.moment_id",
}

TRIGGERS: Final = {
    (table, name): f"create trigger {name} {when} execute function {function}()"
    for table in TABLES
    for name, when, function in (
        ("telemetra_stamp", f"before update on {table} for each row", "telemetra_stamp"),
        (
            "telemetra_correct",
            f"after insert on {table} for each row when (new.revision is distinct from pg_current_xact_id())",
            f"telemetra_correct_{table}",
        ),
        ("telemetra_remove", f"after delete on {table} for each row", f"telemetra_remove_{table}"),
        (
            "telemetra_rekey",
            f"after update on {table} for each row when ({_KEY_CHANGES[table]})",
            f"telemetra_remove_{table}",
        ),
        ("telemetra_empty", f"after truncate on {table} for each statement", f"telemetra_empty_{table}"),
    )
}
"""Our triggers by table and name, and what makes each again."""

FOUND_TRIGGERS: Final = """
    select r.name as table, t.tgname::text as name, t.tgenabled::text as enabled
    from unnest($1::text[]) r (name) join pg_trigger t on t.tgrelid = to_regclass(r.name)
    where not t.tgisinternal
"""

DEFAULTS: Final = """
    select r.name as table, pg_get_expr(d.adbin, d.adrelid) as default
    from unnest($1::text[]) r (name)
    join pg_attribute a on a.attrelid = to_regclass(r.name) and a.attname = 'revision' and not a.attisdropped
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
"""

REVISION_DEFAULT: Final = "pg_current_xact_id()"

INDEXES: Final = {
    "streams_updated": "streams (updated_at)",
    "streams_revision": "streams (revision)",
    "chat_summary_minute_key": "chat_summary_minute (stream_id, window_start, window_end)",
    "chat_summary_minute_stream_revision": "chat_summary_minute (stream_id, revision, id)",
    "chat_summary_minute_revision": "chat_summary_minute (revision)",
    "moments_newest": "moments (stream_id, timestamp)",
    "moments_newest_of_type": "moments (stream_id, moment_type, timestamp)",
    "moments_stream_revision": "moments (stream_id, revision)",
    "moments_revision": "moments (revision)",
    "removals_stream_revision": "removals (stream_id, revision, id)",
    "removals_revision": "removals (revision)",
    "removals_removed_at": "removals (removed_at)",
}
"""Our indexes, and what each is of."""

UNIQUE_INDEXES: Final = frozenset({"chat_summary_minute_key"})

FOUND_INDEXES: Final = """
    select w.name, i.indisvalid and i.indisready as is_valid
    from unnest($1::text[]) w (name) join pg_index i on i.indexrelid = to_regclass(w.name)
"""
