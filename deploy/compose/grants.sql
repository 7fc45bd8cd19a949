-- What compose.yaml's service may do, as the README grants it; run by psql as the owner of the tables, as often as you like.
\set ON_ERROR_STOP on
\getenv password SERVICE_PASSWORD
select 'create role telemetra_service login'
where not exists (select from pg_roles where rolname = 'telemetra_service') \gexec
alter role telemetra_service password :'password';
grant select on streams, chat_summary_minute, moments, removals, telemetra_state, telemetra_schema to telemetra_service;
grant delete on removals to telemetra_service;
grant update on telemetra_state to telemetra_service;
grant execute on function telemetra_restamp to telemetra_service;
