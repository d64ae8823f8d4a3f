-- What is wrong, for a person in Supabase Studio and for the alarms: what is missing, waits, fails, or was given up.

create or replace view bridge.missing_trigger as
  select
    d.webhook ->> 'name' as webhook, d.operation,
    coalesce((
      select format('%I.%I', n.nspname, c.relname)
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = d.relation),
      d.webhook ->> 'table') as "table",
    d.trigger_name,
    coalesce(d.relation <> bridge.relation(d.webhook ->> 'table'), false) as on_partition,
    case
      when d.relation is null then 'the table is gone'
      when p.relation is null then 'the trigger is gone'
      else 'the trigger is disabled'
    end as because
  from bridge.installation as i
  cross join lateral bridge.desired_triggers(i.declaration) as d
  left join bridge.present_trigger as p using (relation, trigger_name, function_name)
  where p.fires is not true
    -- A table that was renamed has taken its trigger along.
    and not (d.relation is null and exists (
      select from bridge.present_trigger as elsewhere
      where elsewhere.trigger_name = d.trigger_name and elsewhere.fires));
comment on view bridge.missing_trigger is
  'Declared triggers that do not fire: someone dropped or disabled them, or the table was made anew. Changes are not captured. The remedy: bridge.repair().';
comment on column bridge.missing_trigger.webhook is 'Whose changes are not captured.';
comment on column bridge.missing_trigger.operation is 'insert, update or delete.';
comment on column bridge.missing_trigger."table" is 'Where it belongs.';
comment on column bridge.missing_trigger.trigger_name is 'Its name.';
comment on column bridge.missing_trigger.on_partition is
  'Whether only statements that name the partition itself are missed: those that name the table are captured.';
comment on column bridge.missing_trigger.because is 'What has become of it.';

create or replace function bridge.repair() returns text[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
-- As a deployment has it: whoever waits for a table's lock makes all of its writers wait.
set lock_timeout = '3 s'
as $$
declare
  present bridge.installation;
begin
  select * into present from bridge.installation;
  if not found then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = 'nothing is deployed to this database',
      hint = 'Deploy: cdk deploy --all -c stage=NAME.';
  end if;
  return array(
    select jsonb_array_elements_text(bridge.sync(present.declaration, present.owner) -> 'created'));
end
$$;
comment on function bridge.repair() is
  'Makes and enables the triggers of bridge.missing_trigger, as the last deployment declared them, all or nothing. Each locks its table for a moment (SHARE ROW EXCLUSIVE). Returns them. What was changed meanwhile was not captured: see bridge.backfill.';

create or replace function bridge.worker_version(name text) returns integer[]
language sql immutable strict set search_path = pg_catalog, pg_temp
as $$
  -- "pg_net 0.20.4"; as a kind of backend, and with the oldest only there, "pg_net 0.20.4 worker".
  select string_to_array(substring(name from '^pg_net (\d{1,4}\.\d{1,4}(?:\.\d{1,4})?)(?: worker)?$'), '.')::integer[]
$$;
comment on function bridge.worker_version(text) is 'The version in the name by which pg_net''s worker is connected; null for any other name.';

create or replace function bridge.pg_net_problem(out problem text, out remedy text, out run_as text)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  post oid := to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)');
  worker record;
begin
  run_as := 'supabase_admin';
  if post is null or to_regclass('net.http_request_queue') is null or to_regclass('net._http_response') is null then
    problem := 'pg_net is missing from this database';
    remedy := 'drop extension if exists pg_net; create extension pg_net';
    return;
  end if;
  if not has_schema_privilege('net', 'usage') or not has_function_privilege(post, 'execute')
    or not coalesce(has_function_privilege(to_regprocedure('net.wake()'), 'execute'), true)
    or not has_table_privilege('net._http_response', 'select')
    or not (select prosecdef from pg_proc where oid = post) and not (
      has_any_column_privilege('net.http_request_queue', 'insert')
      and has_column_privilege('net.http_request_queue', 'id', 'select')
      and coalesce(has_sequence_privilege(to_regclass('net.http_request_queue_id_seq'), 'usage'), true))
  then
    problem := format('role %I may not use pg_net', current_user);
    remedy := format(
      'grant usage on schema net to %1$I; grant execute on all functions in schema net to %1$I; '
      'grant select, insert, delete on net.http_request_queue to %1$I; grant select on net._http_response to %1$I; '
      'grant usage on sequence net.http_request_queue_id_seq to %1$I', current_user);
    return;
  end if;
  select a.datname, v.version into worker
  from pg_stat_activity as a
  cross join lateral coalesce(
    bridge.worker_version(a.application_name), bridge.worker_version(a.backend_type)) as v (version)
  where v.version is not null
  order by a.datname is distinct from current_database() limit 1;
  if not found then
    if not pg_has_role('pg_read_all_stats', 'usage') then
      run_as := null;  -- it may be there unseen
      return;
    end if;
    problem := 'pg_net''s worker does not run';
    remedy := 'select net.worker_restart(); if it does not come back, add pg_net to shared_preload_libraries and restart the server';
  elsif worker.datname is distinct from current_database() then
    problem := format('pg_net''s worker serves database "%s", not "%s"', worker.datname, current_database());
    remedy := format('alter system set pg_net.database_name = %L; restart the server', current_database());
  elsif worker.version >= '{0,19}' and to_regprocedure('net.wake()') is null then
    problem := format(
      'pg_net''s SQL%s is older than its library, %s, which it never wakes: after a second of rest, requests stay queued',
      coalesce((select format(', %s,', extversion) from pg_extension where extname = 'pg_net'), ''),
      array_to_string(worker.version, '.'));
    remedy := 'alter extension pg_net update';
  elsif bridge.is_spared() then
    problem := 'pg_net did not send in time what it was handed';
    remedy := 'select net.worker_restart(); see what else is in net.http_request_queue';
    run_as := current_user;
  else
    run_as := null;
  end if;
exception when others then
  -- What is wrong with pg_net must not hide what else is.
  problem := format('pg_net can''t be examined: %s', sqlerrm);
  remedy := 'mend what is said there';
  run_as := null;
end
$$;
comment on function bridge.pg_net_problem() is 'What keeps pg_net from sending at once, what to run, and as which role; nulls if nothing does.';

create or replace function bridge.vault_problem(out problem text, out remedy text, out run_as text)
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  unreadable text;
begin
  if to_regprocedure('vault.create_secret(text,text,text,uuid)') is null
    or to_regclass('vault.secrets') is null or to_regclass('vault.decrypted_secrets') is null
  then
    problem := 'Supabase Vault is missing from this database';
    remedy := 'create extension supabase_vault cascade; then deploy again';
    run_as := 'supabase_admin';
    return;
  end if;
  if not has_schema_privilege('vault', 'usage') or not has_table_privilege('vault.decrypted_secrets', 'select')
    or not has_table_privilege('vault.secrets', 'delete') or exists (
      select from pg_proc
      where pronamespace = 'vault'::regnamespace and not has_function_privilege(oid, 'execute')
        and proname in ('create_secret', 'update_secret', '_crypto_aead_det_decrypt'))
  then
    problem := format('role %I may not use Supabase Vault', current_user);
    remedy := format(
      'grant usage on schema vault to %1$I; grant select, delete on vault.secrets, vault.decrypted_secrets to %1$I; '
      'grant execute on all functions in schema vault to %1$I', current_user);
    run_as := 'supabase_admin';
    return;
  end if;
  select string_agg(format('"%s"', name), ', ' order by name) into unreadable
  from (
    select bridge.secret_name(null) as name, null as target
    union all
    select bridge.secret_name(t.name), t.name from bridge.target as t where t.kind = 'http') as needed
  where bridge.signing_secret(target) is null;
  if unreadable is not null then
    problem := format('Vault has no secret %s that it can decrypt', unreadable);
    remedy := 'invoke the function of the output RotateSecretFunction with {}, as its schedule does each hour: it puts the secrets there';
  end if;
exception when others then
  problem := format('Vault can''t be examined: %s', sqlerrm);
  remedy := 'mend what is said there';
end
$$;
comment on function bridge.vault_problem() is 'What keeps messages from being signed in the database, what to do, and as which role; nulls if nothing does.';

create or replace function bridge.exposed(relation text, privileges text[]) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_class as c, aclexplode(c.relacl) as granted
    where c.oid = to_regclass(relation) and granted.grantee = 0 and granted.privilege_type = any (privileges))
$$;
comment on function bridge.exposed(text, text[]) is 'Whether PUBLIC, which is every role, has one of the privileges on a table.';

create or replace view bridge.problem as
  select 'delivery' as of, p.problem, p.remedy, p.run_as from bridge.pg_net_problem() as p where p.problem is not null
  union all
  select 'delivery', p.problem, p.remedy, p.run_as from bridge.vault_problem() as p where p.problem is not null
  union all
  select
    'security',
    'every role can read and delete what waits to be sent, whole rows of tables that it may not read among them',
    format(
      'revoke all on net.http_request_queue from public; grant insert, select (id) on net.http_request_queue to public; '
      'grant select, delete on net.http_request_queue to %1$I; '
      'revoke update on sequence net.http_request_queue_id_seq from public', current_user),
    'supabase_admin'
  where bridge.exposed('net.http_request_queue', '{SELECT,DELETE,UPDATE,TRUNCATE}')
    or bridge.exposed('net.http_request_queue_id_seq', '{UPDATE}')
  union all
  select
    'security',
    'every role can read and forge what pg_net was answered',
    format('revoke all on net._http_response from public; grant select on net._http_response to %1$I', current_user),
    'supabase_admin'
  where bridge.exposed('net._http_response', '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}');
comment on view bridge.problem is
  'What is wrong with pg_net and Vault, with the remedy. Deployments check it. Whatever it says, redelivery delivers once a minute.';
comment on column bridge.problem.of is 'delivery: messages are late. security: others see or change more than they should.';
comment on column bridge.problem.problem is 'What is wrong.';
comment on column bridge.problem.remedy is 'What to run, or to do.';
comment on column bridge.problem.run_as is 'As which role, in this database; null: not in the database.';

create or replace view bridge.status as
  with declared as (
    select name as webhook, unnest(targets) as target, enabled, paused_because, max_per_minute from bridge.webhook),
  followed as (
    select webhook, target, enabled, paused_because, max_per_minute from declared
    union all
    -- Declared no more, and not done with.
    select distinct webhook, target, null::boolean, null, null::integer
    from bridge.message
    where (state = 'pending' or state = 'dead')
      and (webhook, target) not in (select webhook, target from declared)),
  missing as (
    select webhook, array_agg(distinct operation order by operation) as operations
    from bridge.missing_trigger where not on_partition group by webhook)
  select
    w.webhook, w.target, w.enabled, missing.operations as not_captured, w.max_per_minute,
    nullif(concat_ws('; ', t.paused_because, 'the webhook: ' || w.paused_because), '') as paused_because,
    t.failing_since,
    case when t.held_until > clock_timestamp() then t.held_until end as held_until,
    m.pending, m.oldest_pending, m.failed, l.at as last_delivery, m.dead, m.last_error,
    (select string_agg(p.problem, '; ') from bridge.problem as p where p.of = 'delivery') as problem
  from followed as w
  left join bridge.target as t on t.name = w.target
  left join missing on missing.webhook = w.webhook
  left join bridge.last_delivery as l on l.webhook = w.webhook and l.target = w.target
  left join lateral (
    select
      count(*) filter (where state = 'pending') as pending,
      min(created_at) filter (where state = 'pending') as oldest_pending,
      count(*) filter (where state = 'pending' and attempts > 0) as failed,
      count(*) filter (where state = 'dead') as dead,
      (array_agg(last_error order by id desc) filter (where last_error is not null))[1] as last_error
    from bridge.message
    where webhook = w.webhook and target = w.target and (state = 'pending' or state = 'dead')) as m on true;
comment on view bridge.status is
  'How each webhook does at each of its targets: one row each. docs/operations.md says what to do about what.';
comment on column bridge.status.webhook is 'Its name in bridge.toml.';
comment on column bridge.status.target is 'The worker or address that it delivers to.';
comment on column bridge.status.enabled is
  'False: changes are not captured, on purpose. Null: declared no more, and something waits or was given up.';
comment on column bridge.status.not_captured is
  'Operations that are not captured because their trigger is gone: see bridge.missing_trigger. Null: all triggers are there.';
comment on column bridge.status.max_per_minute is 'Events that it lets out in a minute. Null: no limit.';
comment on column bridge.status.paused_because is 'Why the target, or the webhook, is paused: messages are captured and wait.';
comment on column bridge.status.failing_since is 'Since when nothing was delivered to the target, though it was tried.';
comment on column bridge.status.held_until is 'The target was out of reach or asked for time; it is not tried before.';
comment on column bridge.status.pending is 'Messages that are not known to be delivered.';
comment on column bridge.status.oldest_pending is 'When the oldest of these was written.';
comment on column bridge.status.failed is 'How many of them were tried in vain, and are tried again.';
comment on column bridge.status.last_delivery is 'When one was last delivered, to ten seconds. Null: none since the webhook was declared.';
comment on column bridge.status.dead is 'Messages that were given up: see bridge.dead_letter.';
comment on column bridge.status.last_error is
  'What the newest attempt among those that wait or were given up was answered.';
comment on column bridge.status.problem is 'What is wrong with pg_net or Vault, the same in each row: see bridge.problem for the remedy.';

create or replace function bridge.metrics()
returns table (
  pending bigint, oldest_seconds double precision, dead bigint, paused bigint, missing_triggers bigint, problems bigint)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select
    count(*) filter (where state = 'pending'),
    coalesce(
      extract(epoch from clock_timestamp() - min(created_at) filter (
        where state = 'pending' and due_at < 'infinity' and t.paused_at is null)), 0)::double precision,
    count(*) filter (where state = 'dead'),
    (select count(*) from bridge.target where paused_at is not null)
      + (select count(*) from bridge.webhook where paused_at is not null),
    -- Partitions come and go, and each deployment sees to them.
    (select count(*) from bridge.missing_trigger where not on_partition),
    (select count(*) from bridge.problem where of = 'delivery')
  from bridge.message as m left join bridge.target as t on t.name = m.target
  where state = 'pending' or state = 'dead'
$$;
comment on function bridge.metrics() is
  'Messages not yet known to be delivered, the age in seconds of the oldest that doesn''t wait on purpose, dead letters, how many targets and webhooks are paused, how many triggers are missing, and how much is wrong with pg_net and Vault.';
