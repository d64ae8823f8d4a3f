-- The roles of a self-hosted Supabase database and what they may do, as its image sets them up.
-- supabase_admin, the superuser, runs this once per server; passwords are set apart from it.

create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
create role authenticator login noinherit;
create role postgres login nosuperuser createdb createrole replication bypassrls;

grant anon, authenticated, service_role to authenticator;
-- From PostgreSQL 16 on, createrole alone no longer lets it grant these to roles of its own.
grant anon, authenticated, service_role to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
alter role postgres set search_path to "$user", public, extensions;
alter role authenticator set statement_timeout to '8s';

alter database postgres owner to postgres;
grant all on database postgres to postgres;
