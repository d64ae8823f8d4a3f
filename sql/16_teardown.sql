-- The undoing of all of it, and who may call what.

create or replace function bridge.teardown() returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  item record;
  triggers integer := 0;
  undelivered integer := (select count(*) from bridge.message where state <> 'delivered');
begin
  perform pg_advisory_xact_lock(hashtextextended('supabase-external-compute', 0));
  triggers := cardinality(bridge.drop_triggers('{"webhooks": []}'));
  perform bridge.forget_signing_secrets('{}');

  if undelivered = 0 then
    drop schema bridge cascade;
  else
    -- The messages are the user's data: they stay, and the next installation delivers them.
    for item in
      select 1 as position, 'view' as kind, oid::regclass::text as name from pg_class
      where relnamespace = 'bridge'::regnamespace and relkind = 'v'
      union all
      select 2, 'function', oid::regprocedure::text from pg_proc where pronamespace = 'bridge'::regnamespace
      order by position
    loop
      execute format('drop %s if exists %s cascade', item.kind, item.name);
    end loop;
    -- Tables stay, so that a later version finds the schema whole and can migrate it.
    delete from bridge.webhook;
    delete from bridge.target;
    delete from bridge.posted;
    delete from bridge.last_delivery;
    delete from bridge.backfill_job;
    delete from bridge.installation;
    delete from bridge.message where state = 'delivered';
  end if;
  return jsonb_build_object('triggers_dropped', triggers, 'messages_kept', undelivered);
end
$$;
comment on function bridge.teardown() is
  'Removes triggers, functions and schema bridge. Undelivered messages are kept in bridge.message. Returns {"triggers_dropped", "messages_kept"}.';

revoke all on all tables in schema bridge from public;
revoke all on all sequences in schema bridge from public;
revoke execute on all functions in schema bridge from public;
