-- What this database must offer before anything in it changes. Every lack is named at once, with its remedy.

-- Two deployments at a time would trip over each other's definitions; the second waits here (under lock_timeout).
select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('supabase-external-compute', 0));

do $$
declare
  problems text[] := '{}';
  pgcrypto_schema text;
begin
  if current_setting('server_version_num')::integer < 150000 then
    problems := problems || format(
      'PostgreSQL 15 or newer is needed, this server is %s: upgrade it', current_setting('server_version'));
  end if;

  if to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is null then
    problems := problems || 'pg_net is missing: run "create extension pg_net" as supabase_admin '
      'in the database that pg_net.database_name names'::text;
  elsif not has_schema_privilege('net', 'usage')
    or not has_function_privilege('net.http_post(text,jsonb,jsonb,jsonb,integer)', 'execute')
    or not coalesce(has_function_privilege(to_regprocedure('net.wake()'), 'execute'), true)
    or not has_table_privilege('net._http_response', 'select')
    -- Supabase has made it a function of its owner's rights in some versions.
    or not (select prosecdef from pg_proc where oid = to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)'))
      and not (
        has_any_column_privilege('net.http_request_queue', 'insert')
        and has_column_privilege('net.http_request_queue', 'id', 'select')
        and coalesce(has_sequence_privilege(to_regclass('net.http_request_queue_id_seq'), 'usage'), true))
  then
    problems := problems || format(
      'role %1$I may not use pg_net: run, as supabase_admin, "grant usage on schema net to %1$I; '
      'grant execute on all functions in schema net to %1$I; '
      'grant select, insert, delete on net.http_request_queue to %1$I; grant select on net._http_response to %1$I; '
      'grant usage on sequence net.http_request_queue_id_seq to %1$I"', current_user);
  end if;

  if to_regprocedure('vault.create_secret(text,text,text,uuid)') is null then
    problems := problems
      || 'Supabase Vault is missing: run "create extension supabase_vault cascade" as supabase_admin'::text;
  elsif not has_schema_privilege('vault', 'usage')
    or not has_function_privilege('vault.create_secret(text,text,text,uuid)', 'execute')
    or not has_table_privilege('vault.decrypted_secrets', 'select')
  then
    problems := problems || format(
      'role %I may not use Supabase Vault: grant it usage on schema vault, execute on vault.create_secret '
      'and vault.update_secret, and select on vault.decrypted_secrets', current_user);
  end if;

  select n.nspname into pgcrypto_schema
  from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace
  where e.extname = 'pgcrypto';
  if pgcrypto_schema is null then
    problems := problems || 'pgcrypto is missing: run "create schema if not exists extensions; '
      'create extension pgcrypto with schema extensions"'::text;
  elsif pgcrypto_schema <> 'extensions' then
    problems := problems || format(
      'pgcrypto is in schema %I, not in extensions: run "alter extension pgcrypto set schema extensions"',
      pgcrypto_schema);
  elsif not has_schema_privilege('extensions', 'usage') then
    problems := problems || format('role %I may not use schema extensions: grant it usage', current_user);
  end if;

  if to_regnamespace('bridge') is null then
    if not has_database_privilege(current_database(), 'create') then
      problems := problems || format(
        'role %I may not create a schema in database %I: connect as its owner (postgres, in Supabase)',
        current_user, current_database());
    end if;
  elsif not pg_has_role((select nspowner from pg_namespace where nspname = 'bridge'), 'usage') then
    problems := problems || format(
      'schema bridge belongs to %s, and role %I is no member of it: connect as that role',
      (select pg_get_userbyid(nspowner)::regrole from pg_namespace where nspname = 'bridge'), current_user);
  elsif to_regclass('bridge.migration') is null
    and exists (select from pg_class where relnamespace = to_regnamespace('bridge'))
  then
    problems := problems
      || 'schema bridge exists and is of no release of this project: rename or drop it, or use another database'::text;
  end if;

  if cardinality(problems) > 0 then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = array_to_string(problems, '; ');
  end if;
end
$$;
