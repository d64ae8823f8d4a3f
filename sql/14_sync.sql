-- Makes triggers match the declaration. What is unchanged is not touched: no lock on a table whose triggers stay.

create or replace function bridge.desired_triggers(desired jsonb)
returns table (webhook jsonb, operation text, relation oid, trigger_name text, function_name text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select w, o, r.relid, format('bridge_%s_%s', w ->> 'name', o), format('capture_%s_%s', w ->> 'name', o)
  from jsonb_array_elements(desired -> 'webhooks') as w
  cross join jsonb_array_elements_text(w -> 'operations') as o
  cross join lateral (
    select bridge.relation(w ->> 'table')::oid as relid
    -- A statement aimed at a partition fires the partition's triggers only.
    union
    select relid from pg_partition_tree(bridge.relation(w ->> 'table'))) as r
$$;
comment on function bridge.desired_triggers(jsonb) is
  'The triggers that a declaration asks for, those on partitions included. relation: null where the table is gone.';

create or replace view bridge.present_trigger as
  select
    t.tgrelid as relation, t.tgname::text as trigger_name, p.proname::text as function_name, t.tgenabled as enabled,
    -- Not those that are disabled, nor those that fire for what logical replication writes only.
    t.tgenabled in ('O', 'A') as fires
  from pg_trigger as t
  join pg_proc as p on p.oid = t.tgfoid
  where p.pronamespace = 'bridge'::regnamespace and p.proname like 'capture\_%' and not t.tgisinternal;
comment on view bridge.present_trigger is 'The triggers that are in place.';
comment on column bridge.present_trigger.relation is 'The table, by its oid.';
comment on column bridge.present_trigger.trigger_name is 'bridge_, the webhook''s name, and the operation.';
comment on column bridge.present_trigger.function_name is 'What it calls, of schema bridge.';
comment on column bridge.present_trigger.enabled is 'As pg_trigger.tgenabled has it: O, A, R or D.';
comment on column bridge.present_trigger.fires is 'Whether it fires for what sessions write.';

create or replace function bridge.sync_functions(desired jsonb) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  wanted record;
  replaced integer := 0;
begin
  for wanted in
    select distinct function_name, operation, bridge.capture_source(webhook, operation) as source
    from bridge.desired_triggers(desired)
  loop
    if exists (
      select from pg_proc
      where pronamespace = 'bridge'::regnamespace and proname = wanted.function_name and prosrc = wanted.source)
    then
      continue;
    end if;
    execute format(
      'create or replace function bridge.%I() returns trigger language plpgsql security definer'
      ' set search_path = pg_catalog, pg_temp'
      -- The session's own settings must not change what a condition means or what a record looks like.
      ' set standard_conforming_strings = on set bytea_output = hex set extra_float_digits = 1'
      ' set intervalstyle = postgres set datestyle = ''ISO, MDY'''
      -- Nor may they give up on the outbox.
      ' set lock_timeout = 0'
      -- Planning anew takes longer than capturing a row does.
      ' set plan_cache_mode = force_generic_plan as %L',
      wanted.function_name, wanted.source);
    execute format('comment on function bridge.%I() is %L', wanted.function_name, 'Written by bridge.sync.');
    execute format('revoke execute on function bridge.%I() from public', wanted.function_name);
    replaced := replaced + 1;
  end loop;
  return replaced;
end
$$;
comment on function bridge.sync_functions(jsonb) is 'Writes the trigger functions that are new or changed. Returns how many.';

create or replace function bridge.shorten_lock_timeout() returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  -- A table is locked from here on. Whoever writes to it and to the next one would wait for us as we wait for them,
  -- and Postgres would end one of the two after a second (deadlock_timeout): we give up before, and are tried again.
  select set_config('lock_timeout', '500ms', true)
$$;
comment on function bridge.shorten_lock_timeout() is 'Shortens the transaction''s lock_timeout, once it holds the lock of a table.';

create or replace function bridge.drop_triggers(desired jsonb) returns text[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  unwanted record;
  dropped text[] := '{}';
begin
  for unwanted in
    select p.*, pg_has_role(c.relowner, 'usage') as owned
    from bridge.present_trigger as p
    join pg_class as c on c.oid = p.relation
    left join bridge.desired_triggers(desired) as d using (relation, trigger_name, function_name)
    -- Enabling takes the table's owner; where that is another, as of auth.users, the trigger is made anew.
    where d.trigger_name is null or (not p.fires and not pg_has_role(c.relowner, 'usage'))
    order by p.relation, p.trigger_name
  loop
    if unwanted.owned then
      execute format('drop trigger %I on %s', unwanted.trigger_name, unwanted.relation::regclass);
    else
      -- To drop a trigger takes the table's owner, to drop its function ours: what is still wanted is made again.
      execute format('drop function if exists bridge.%I() cascade', unwanted.function_name);
    end if;
    dropped := dropped || format('%s on %s', unwanted.trigger_name, unwanted.relation::regclass);
    perform bridge.shorten_lock_timeout();
  end loop;
  return dropped;
end
$$;
comment on function bridge.drop_triggers(jsonb) is
  'Drops the triggers that are not declared; each locks its table (ACCESS EXCLUSIVE). Returns them.';

create or replace function bridge.create_triggers(desired jsonb) returns text[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  wanted record;
  created text[] := '{}';
begin
  for wanted in
    select d.*, p.relation is not null as disabled
    from bridge.desired_triggers(desired) as d
    left join bridge.present_trigger as p using (relation, trigger_name)
    where p.relation is null or not p.fires
    order by d.relation, d.trigger_name
  loop
    if wanted.disabled then
      execute format('alter table %s enable trigger %I', wanted.relation::regclass, wanted.trigger_name);
    else
      execute format(
        'create trigger %I after %s on %s referencing %s for each statement execute function bridge.%I()',
        wanted.trigger_name, wanted.operation, wanted.relation::regclass,
        case wanted.operation
          when 'insert' then 'new table as new_rows'
          when 'delete' then 'old table as old_rows'
          else 'old table as old_rows new table as new_rows'
        end,
        wanted.function_name);
    end if;
    created := created || format('%s on %s', wanted.trigger_name, wanted.relation::regclass);
    perform bridge.shorten_lock_timeout();
  end loop;
  return created;
end
$$;
comment on function bridge.create_triggers(jsonb) is
  'Creates and enables the declared triggers that are missing; each locks its table (SHARE ROW EXCLUSIVE). Returns them.';

create or replace function bridge.sync_declaration(desired jsonb, owner text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform bridge.sync_targets(desired -> 'targets');

  insert into bridge.webhook as present (
    name, table_schema, table_name, operations, columns, condition, targets, enabled, ordered, max_per_minute,
    declaration)
  select
    w ->> 'name',
    (parse_ident(w ->> 'table'))[1], (parse_ident(w ->> 'table'))[2],
    array(select jsonb_array_elements_text(w -> 'operations')),
    case when jsonb_typeof(w -> 'columns') = 'array' then array(select jsonb_array_elements_text(w -> 'columns')) end,
    w ->> 'when', array(select jsonb_array_elements_text(w -> 'targets')),
    coalesce((w ->> 'enabled')::boolean, true), coalesce((w ->> 'ordered')::boolean, false),
    (w ->> 'max_per_minute')::integer, w
  from jsonb_array_elements(desired -> 'webhooks') as w
  on conflict (name) do update set
    table_schema = excluded.table_schema, table_name = excluded.table_name, operations = excluded.operations,
    columns = excluded.columns, condition = excluded.condition, targets = excluded.targets,
    ordered = excluded.ordered, declaration = excluded.declaration,
    -- What was switched by hand stays switched, until the declaration itself says otherwise.
    enabled = case when excluded.declaration -> 'enabled' is distinct from present.declaration -> 'enabled'
      then excluded.enabled else present.enabled end,
    max_per_minute = case
      when excluded.declaration -> 'max_per_minute' is distinct from present.declaration -> 'max_per_minute'
      then excluded.max_per_minute else present.max_per_minute end;

  delete from bridge.webhook
  where name not in (select w ->> 'name' from jsonb_array_elements(desired -> 'webhooks') as w);

  delete from bridge.last_delivery
  where (webhook, target) not in (select name, unnest(targets) from bridge.webhook);
  insert into bridge.last_delivery (webhook, target)
  select name, unnest(targets) from bridge.webhook
  on conflict do nothing;

  insert into bridge.installation (owner, webhook_url, fast_path_grace, retention, pause_after, declaration)
  values (
    owner, rtrim(desired ->> 'webhook_url', '/'),
    make_interval(secs => (desired ->> 'fast_path_grace')::double precision),
    make_interval(days => (desired ->> 'retention')::integer),
    make_interval(hours => coalesce((desired ->> 'pause_after')::integer, 24)),
    desired)
  on conflict (only_row) do update set
    owner = excluded.owner, webhook_url = excluded.webhook_url, fast_path_grace = excluded.fast_path_grace,
    retention = excluded.retention, pause_after = excluded.pause_after, declaration = excluded.declaration,
    updated_at = now();
end
$$;
comment on function bridge.sync_declaration(jsonb, text) is 'Writes the declaration into bridge.target, bridge.webhook and bridge.installation.';

create or replace function bridge.require_owner(owner text, adopt text) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  present text := (select i.owner from bridge.installation as i);
begin
  if present is distinct from owner and present is not null and present is distinct from adopt then
    raise exception using
      errcode = 'object_in_use',
      message = format('this database is bridged by "%s", not by "%s"', present, owner),
      hint = format('Remove that stack first, or take its webhooks over: set adopt = "%s" for the stage in bridge.toml', present);
  end if;
end
$$;
comment on function bridge.require_owner(text, text) is 'Raises an error when another deployment owns the schema and is not the one to adopt.';

create or replace function bridge.sync(desired jsonb, owner text default 'by hand', adopt text default null) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  replaced integer;
  created text[];
  dropped text[];
begin
  perform pg_advisory_xact_lock(hashtextextended('supabase-external-compute', 0));
  perform bridge.require_owner(owner, adopt);
  perform bridge.check_declaration(desired);
  begin
    -- Once a target is undeclared, its secret is forgotten, and its receipts prove nothing any more.
    perform bridge.settle(2000);
  exception when others then
    raise notice 'what pg_net was answered is settled later: %', sqlerrm;
  end;
  perform bridge.sync_declaration(desired, owner);
  dropped := bridge.drop_triggers(desired);
  replaced := bridge.sync_functions(desired);
  created := bridge.create_triggers(desired);
  perform bridge.drop_unused_functions();
  return jsonb_build_object(
    'triggers', (select count(*) from bridge.present_trigger),
    'created', created, 'dropped', dropped, 'functions_written', replaced);
end
$$;
comment on function bridge.sync(jsonb, text, text) is
  'Makes triggers match the declaration, all or nothing. Returns {"triggers", "created", "dropped", "functions_written"}.';

create or replace function bridge.drop_unused_functions() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  unused text;
begin
  for unused in
    select proname from pg_proc as p
    where pronamespace = 'bridge'::regnamespace and prorettype = 'trigger'::regtype
      and not exists (select from pg_trigger as t where t.tgfoid = p.oid)
  loop
    execute format('drop function bridge.%I()', unused);
  end loop;
end
$$;
comment on function bridge.drop_unused_functions() is 'Drops the trigger functions that no trigger calls.';
