-- Rows that were there before their webhook, sent as events of operation READ: by redelivery, a chunk at a time, each in
-- a transaction of its own, from one primary key to the next.

create or replace function bridge.backfill(webhook text, target text default null) returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  known bridge.webhook := bridge.webhook_named(webhook);
  wanted text[] := case when target is null then known.targets else array[target] end;
  job_id uuid;
begin
  if not wanted <@ known.targets then
    raise exception using
      errcode = 'undefined_object',
      message = format('"%s" is no target of webhook "%s"', target, webhook),
      hint = format('Its targets: %s.', array_to_string(known.targets, ', '));
  end if;
  if not known.operations && '{insert,update}' then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('webhook "%s" tells of deleted rows only: there are none to read', webhook);
  end if;
  if bridge.key_columns(bridge.relation(known.declaration ->> 'table')) = '{}' then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('"%s" has no primary key, by which its rows could be read', known.declaration ->> 'table');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('bridge.backfill', 0));
  select j.id into job_id from bridge.backfill_job as j
  where j.webhook = known.name and j.targets = wanted and j.finished_at is null;
  if job_id is null then
    insert into bridge.backfill_job (webhook, targets) values (known.name, wanted) returning id into job_id;
  else
    raise notice 'this backfill is under way already';
  end if;
  perform bridge.wake();
  return job_id;
end
$$;
comment on function bridge.backfill(text, text) is
  'Sends the rows that a webhook''s table has now and that meet its condition as READ events, to all its targets or one. Returns at once: redelivery does it; the view bridge.backfills shows how far it is.';

create or replace function bridge.stop_backfill(webhook text) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  stopped integer;
begin
  update bridge.backfill_job as j set finished_at = clock_timestamp(), last_error = 'stopped by hand'
  where j.webhook = stop_backfill.webhook and j.finished_at is null;
  get diagnostics stopped = row_count;
  return stopped;
end
$$;
comment on function bridge.stop_backfill(text) is
  'Ends a webhook''s backfills where they are; what they have written is still delivered. Returns how many.';

create or replace function bridge.key_operators(relation regclass)
returns table (name text, nth bigint, type text, strategy integer, operator text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  -- The index's own operators, by their full names: what ">" means depends on the search path.
  select
    a.attname::text, k.nth, format_type(a.atttypid, a.atttypmod), o.amopstrategy::integer,
    format('operator(%I.%s)', n.nspname, p.oprname)
  from pg_index as i
  cross join unnest(i.indkey::smallint[], i.indclass::oid[]) with ordinality as k (attnum, opclass, nth)
  join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
  join pg_opclass as c on c.oid = k.opclass
  join pg_amop as o on o.amopfamily = c.opcfamily and o.amoplefttype = c.opcintype and o.amoprighttype = c.opcintype
  join pg_operator as p on p.oid = o.amopopr
  join pg_namespace as n on n.oid = p.oprnamespace
  where i.indrelid = relation and i.indisprimary and k.nth <= i.indnkeyatts
$$;
comment on function bridge.key_operators(regclass) is
  'The primary key''s columns with their types and operators, by strategy: 1 <, 3 =, 4 >=, 5 >.';

create or replace function bridge.after_key(relation regclass) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  key record;
  condition text;
begin
  -- From the last column to the first: a >= x and (a > x or (a = x and …)), whose first part an index answers.
  for key in
    select
      k.nth, format('r.%I', k.name) as left_side, format('$1[%s]::%s', k.nth, k.type) as right_side,
      max(k.operator) filter (where k.strategy = 3) as equal,
      max(k.operator) filter (where k.strategy = 4) as not_before,
      max(k.operator) filter (where k.strategy = 5) as after
    from bridge.key_operators(relation) as k
    group by k.nth, k.name, k.type order by k.nth desc
  loop
    condition := case
      when condition is null then format('%s %s %s', key.left_side, key.after, key.right_side)
      else format('%1$s %2$s %3$s and (%1$s %4$s %3$s or (%1$s %5$s %3$s and %6$s))',
        key.left_side, key.not_before, key.right_side, key.after, key.equal, condition)
    end;
  end loop;
  return condition;
end
$$;
comment on function bridge.after_key(regclass) is 'SQL for whether row r comes after the primary key in the text array $1.';

create or replace function bridge.backfill_query(declared jsonb) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with key as (
    select
      name, nth, max(operator) filter (where strategy = 1) as before,
      max(operator) filter (where strategy = 5) as after
    from bridge.key_operators(bridge.relation(declared ->> 'table')) group by name, nth)
  select format(
    'with new_rows as materialized ('
    ' select * from %1$s as r where $1 is null or (%2$s) order by %3$s limit $2)'
    ' select (select array_agg(event) from ('
    ' select jsonb_build_object(''operation'', ''READ'', ''schema'', %4$L::text, ''table'', %5$L::text,'
    ' ''record'', %6$s, ''old_record'', null%7$s) as event from %8$s where $3 and %9$s) as events) as events,'
    ' (select array[%10$s] from new_rows as r order by %11$s limit 1) as last_key,'
    ' (select count(*) from new_rows) as size',
    bridge.relation(declared ->> 'table'),
    bridge.after_key(bridge.relation(declared ->> 'table')),
    string_agg(format('r.%I using %s', name, before), ', ' order by nth),
    (parse_ident(declared ->> 'table'))[1], (parse_ident(declared ->> 'table'))[2],
    bridge.capture_record(declared, 'insert', 'new'),
    coalesce(', ''key'', ' || bridge.capture_key(declared, 'insert'), ''),
    bridge.capture_from('insert'),
    bridge.capture_where(declared, 'insert'),
    string_agg(format('r.%I::text', name), ', ' order by nth),
    string_agg(format('r.%I using %s', name, after), ', ' order by nth))
  from key
$$;
comment on function bridge.backfill_query(jsonb) is
  'SQL that reads the rows after a key ($1, null: from the start; at most $2) and gives their events, those that meet the condition ($3: false, none), the last key, and how many rows there were.';

create or replace function bridge.backfill_chunk(
  job bridge.backfill_job, webhook bridge.webhook, max_rows integer, reading boolean default true
) returns bridge.backfill_job
language plpgsql volatile
-- As the trigger functions have it, so that a record looks the same.
set search_path = pg_catalog, pg_temp set standard_conforming_strings = on set bytea_output = hex
set extra_float_digits = 1 set intervalstyle = postgres set datestyle = 'ISO, MDY'
as $$
declare
  chunk record;
  message_id uuid;
  part integer;
begin
  execute bridge.backfill_query(webhook.declaration) into chunk using job.position, max_rows, reading;
  for part in 0..(coalesce(cardinality(chunk.events), 0) - 1) / 100 loop
    exit when coalesce(cardinality(chunk.events), 0) = 0;
    message_id := bridge.new_message_id();
    perform bridge.put(
      message_id, webhook, bridge.relation(webhook.declaration ->> 'table')::oid,
      bridge.envelope(webhook.name, bridge.numbered(message_id, chunk.events[part * 100 + 1 : part * 100 + 100])),
      bridge.unposted(webhook, job.targets), '0');
  end loop;
  job.events := job.events + coalesce(cardinality(chunk.events), 0);
  job.position := coalesce(chunk.last_key, job.position);
  job.last_error := null;
  if chunk.size < max_rows then
    job.finished_at := clock_timestamp();
  end if;
  return job;
end
$$;
comment on function bridge.backfill_chunk(bridge.backfill_job, bridge.webhook, integer, boolean) is
  'Writes the events of the next rows to the outbox; not reading, only goes past them. Returns the job as it is then.';

create or replace function bridge.backfill_on(job bridge.backfill_job, webhook bridge.webhook, max_rows integer)
returns bridge.backfill_job
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  failure text;
  row_key text[];
begin
  begin
    return bridge.backfill_chunk(job, webhook, max_rows);
  exception
    when transaction_rollback or lock_not_available or insufficient_resources or operator_intervention then
      raise;
    when assert_failure or others then
      get stacked diagnostics failure = message_text;
  end;
  if max_rows > 1 then
    -- One row of them is to blame: it is come upon with fewer.
    return bridge.backfill_on(job, webhook, max_rows / 10);
  end if;
  -- Past the row that can't be evaluated, which is told of; if the table can't even be read, this fails too.
  row_key := job.position;
  job := bridge.backfill_chunk(job, webhook, 1, reading => false);
  if job.position is distinct from row_key then
    perform bridge.put_dead(
      m.id, webhook,
      bridge.envelope(webhook.name, bridge.numbered(m.id, array[jsonb_build_object(
        'operation', 'READ', 'schema', webhook.table_schema, 'table', webhook.table_name,
        'record', null, 'old_record', null, 'row', array_to_string(job.position, ', '))])),
      failure)
    from bridge.new_message_id() as m (id);
  end if;
  return job;
end
$$;
comment on function bridge.backfill_on(bridge.backfill_job, bridge.webhook, integer) is
  'Like backfill_chunk; a row that can''t be evaluated becomes a dead letter that names its key, and the others go on.';

create or replace function bridge.backfill_waits(webhook_name text, target_names text[]) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select
    (select count(*) from (
      select from bridge.message
      where target = any (target_names) and state = 'pending' and due_at < 'infinity' limit 100) as waiting) = 100
    or (select count(*) from (
      select from bridge.message
      where webhook = webhook_name and state = 'pending' and due_at = 'infinity' limit 100) as parked) = 100
$$;
comment on function bridge.backfill_waits(text, text[]) is
  'Whether 100 messages wait for the targets of a backfill, or are parked for its webhook.';

create or replace function bridge.backfill_step(max_rows integer) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  job bridge.backfill_job;
  webhook bridge.webhook;
  before bridge.backfill_job;
begin
  -- The one that has waited longest.
  -- What it has written goes first, so that it fills neither the outbox nor the queues.
  select * into job from bridge.backfill_job where finished_at is null and not bridge.backfill_waits(webhook, targets)
  order by updated_at limit 1 for update skip locked;
  if not found then
    return 0;
  end if;
  before := job;
  begin
    perform set_config('lock_timeout', '1s', true);
    select * into strict webhook from bridge.webhook where name = job.webhook;
    if row_security_active(bridge.relation(webhook.declaration ->> 'table')) then
      raise exception 'row-level security hides rows of "%" from role %', webhook.declaration ->> 'table', current_user;
    end if;
    -- What can't be read is told to those who asked.
    webhook.targets := job.targets;
    job := bridge.backfill_on(job, webhook, max_rows);
  exception
    when no_data_found then
      job := before;
      job.finished_at := clock_timestamp();
      job.last_error := 'the webhook is declared no more';
    when assert_failure or others then
      job := before;
      get stacked diagnostics job.last_error = message_text;
  end;
  update bridge.backfill_job
  set position = job.position, events = job.events, finished_at = job.finished_at, last_error = job.last_error,
    updated_at = clock_timestamp()
  where id = job.id;
  -- Nothing more to do now where it stands still.
  return case when job.position is distinct from before.position then 1 else 0 end;
end
$$;
comment on function bridge.backfill_step(integer) is
  'Takes one backfill a chunk further, at most so many rows, unless 100 messages wait for its targets. Returns 1 if it got on, else 0.';

create or replace view bridge.backfills as
  select
    j.id, j.webhook, j.targets, j.events,
    (select greatest(sum(c.reltuples), 0)::bigint
      from pg_partition_tree(bridge.relation(w.declaration ->> 'table')) as p join pg_class as c on c.oid = p.relid
      where p.isleaf) as rows_estimated,
    j.started_at, j.updated_at, j.finished_at,
    case
      when j.finished_at is null and bridge.backfill_waits(j.webhook, j.targets)
        then 'waits until what is meant for its targets has been delivered'
      else j.last_error end as last_error
  from bridge.backfill_job as j left join bridge.webhook as w on w.name = j.webhook;
comment on view bridge.backfills is
  'Backfills: the events written so far, of about how many rows in the table, and why one stands still or ended early.';
comment on column bridge.backfills.id is 'As bridge.backfill returned it.';
comment on column bridge.backfills.webhook is 'Whose table is read.';
comment on column bridge.backfills.targets is 'Whom the rows are sent to.';
comment on column bridge.backfills.events is 'Events written so far; rows that the webhook''s condition leaves out are none.';
comment on column bridge.backfills.rows_estimated is 'About how many rows the table has, as of the last ANALYZE or VACUUM.';
comment on column bridge.backfills.started_at is 'When it was asked for.';
comment on column bridge.backfills.updated_at is 'When it was last taken further, or tried.';
comment on column bridge.backfills.finished_at is 'When it ended; null: not yet.';
comment on column bridge.backfills.last_error is 'Why it stands still, or ended early.';
