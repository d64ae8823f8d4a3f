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
    or not has_table_privilege('net.http_request_queue', 'select')
    or not has_table_privilege('net._http_response', 'select')
  then
    problems := problems || format(
      'role %I may not use pg_net: grant it usage on schema net, execute on net.http_post, '
      'and select on net.http_request_queue and net._http_response', current_user);
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
  elsif to_regclass('bridge.message') is null
    and exists (select from pg_class where relnamespace = to_regnamespace('bridge'))
  then
    problems := problems
      || 'schema bridge exists and is not this project''s: rename it, or use another database'::text;
  end if;

  if cardinality(problems) > 0 then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = array_to_string(problems, '; ');
  end if;
end
$$;
-- The declaration, the outbox, and what delivery remembers.

create schema if not exists bridge;
comment on schema bridge is
  'Supabase External Compute: captures row changes and delivers them as signed webhooks. Not exposed over REST.';
revoke all on schema bridge from public;

create table if not exists bridge.installation (
  only_row boolean primary key default true check (only_row),
  owner text not null,
  webhook_url text not null,
  fast_path_grace interval not null,
  retention interval not null,
  declaration jsonb not null,
  installed_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table bridge.installation is 'The one deployment that owns this schema, and its settings.';
comment on column bridge.installation.owner is 'Account/region/stack that declared the webhooks; no other may change them.';
comment on column bridge.installation.webhook_url is 'Where messages are posted: this address, then /webhooks/ and the webhook''s name.';
comment on column bridge.installation.fast_path_grace is 'How long pg_net has for a posted message before redelivery takes it over.';
comment on column bridge.installation.retention is 'How long delivered messages are kept; processed event ids, 18 days longer.';
comment on column bridge.installation.declaration is 'What bridge.sync was last given.';

create table if not exists bridge.target (
  name text primary key,
  kind text not null check (kind in ('queue'))
);
comment on table bridge.target is 'Where webhooks deliver to.';
comment on column bridge.target.kind is 'queue: an SQS queue with a worker behind it.';

create table if not exists bridge.webhook (
  name text primary key,
  table_schema text not null,
  table_name text not null,
  operations text[] not null,
  columns text[],
  condition text,
  target text not null references bridge.target deferrable initially deferred,
  enabled boolean not null,
  declaration jsonb not null
);
comment on table bridge.webhook is 'The declared webhooks, one row each. Written by bridge.sync; "enabled" may be set by hand.';
comment on column bridge.webhook.operations is 'insert, update, delete: which statements fire it.';
comment on column bridge.webhook.columns is 'What the record holds, besides the primary key; for updates also what must change. Null: every column.';
comment on column bridge.webhook.condition is 'SQL condition over new and old that an event must meet. Null: every row.';
comment on column bridge.webhook.enabled is 'False: changes are not captured. Takes effect with the next statement, without DDL.';
comment on column bridge.webhook.declaration is 'The webhook as last declared, so that a deploy resets only what the declaration changed.';

create table if not exists bridge.message (
  id uuid primary key,
  webhook text not null,
  target text not null,
  body jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  attempts integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  delivered_at timestamptz,
  last_error text
);
-- "if not exists" would lock the table against writers before it looks.
do $$
begin
  if to_regclass('bridge.message_due') is null then
    create index message_due on bridge.message (due_at) where state = 'pending';
  end if;
  if to_regclass('bridge.message_dead') is null then
    create index message_dead on bridge.message (webhook, id) where state = 'dead';
  end if;
end
$$;
comment on table bridge.message is 'The outbox: messages of up to 100 events, written by the transaction that made the change.';
comment on column bridge.message.id is 'The webhook-id: a UUID, version 7 (RFC 9562), the same across attempts and ordered by time.';
comment on column bridge.message.body is 'What is sent, byte for byte, as body::text.';
comment on column bridge.message.state is 'pending: not known to be delivered. delivered. dead: given up, or never sendable; see last_error.';
comment on column bridge.message.attempts is 'Attempts that failed.';
comment on column bridge.message.due_at is 'When redelivery takes a pending message: the next attempt, or the end of another''s lease.';
comment on column bridge.message.last_error is 'Why the last attempt failed.';

-- Unlogged as pg_net's own tables are: a crash of the server empties all of them together. A request id of before
-- the crash can therefore never be taken for one of the same number after it, and the messages it stood for
-- become due.
create unlogged table if not exists bridge.posted (
  request_id bigint primary key,
  message_id uuid not null,
  posted_at timestamptz not null default clock_timestamp()
);
comment on table bridge.posted is 'Which of pg_net''s requests carries which message, until its answer is settled.';

create table if not exists bridge.processed_event (
  worker text not null,
  event_id text not null,
  processed_at timestamptz not null default now(),
  primary key (worker, event_id)
);
comment on table bridge.processed_event is
  'Events whose effect is committed, written by the worker in the transaction of that effect; what makes duplicates harmless.';

do $$
begin
  if to_regclass('bridge.processed_event_at') is null then
    -- Rows come in the order of their time, which a BRIN index needs, and writing to it costs next to nothing.
    create index processed_event_at on bridge.processed_event using brin (processed_at);
  end if;
end
$$;

-- Sequences are the one counter that is neither rolled back nor locked until commit: writers that ring at the same
-- time never wait for each other.
create sequence if not exists bridge.last_ring;
comment on sequence bridge.last_ring is 'When redelivery was last rung for, in seconds since 1970.';
-- Message ids, and signatures by Standard Webhooks 1.0.

create or replace function bridge.new_message_id() returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  microseconds bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
  -- RFC 9562, version 7 with its method 3: 48 bits of milliseconds, the version, 12 bits of their fraction, then
  -- variant and random bits as version 4 has them.
  return (
    lpad(to_hex(microseconds / 1000), 12, '0')
    || to_hex(x'7000'::integer + (microseconds % 1000) * 4096 / 1000)
    || right(gen_random_uuid()::text, 17))::uuid;
end
$$;
comment on function bridge.new_message_id() is 'A UUID of version 7: sorts by the microsecond in which it was made.';

create or replace function bridge.message_id_at(at timestamptz) returns uuid
language sql immutable strict set search_path = pg_catalog, pg_temp
as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;
comment on function bridge.message_id_at(timestamptz) is 'The lowest message id of that moment: older messages have smaller ids.';

create or replace function bridge.set_signing_secret(secret text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  existing uuid;
  present text;
  wrong_size integer := (
    select octet_length(key)
    from unnest(coalesce(nullif(string_to_array(secret, ' '), '{}'), '{""}')) as item, decode(item, 'base64') as key
    where octet_length(key) not between 24 and 64
    limit 1);
begin
  if wrong_size is not null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('a signing secret holds %s bytes, 24 to 64 are needed', wrong_size);
  end if;
  select id, decrypted_secret into existing, present
  from vault.decrypted_secrets where name = 'bridge_signing_secret';
  if existing is null then
    perform vault.create_secret(secret, 'bridge_signing_secret', 'Signs webhooks of Supabase External Compute');
  elsif secret is distinct from present then
    perform vault.update_secret(existing, secret);
  end if;
end
$$;
comment on function bridge.set_signing_secret(text) is
  'Puts the signing secret into Vault: base64 without prefix; two, separated by a space, while it rotates.';

create or replace function bridge.sign(message_id text, at bigint, body text, secret text) returns text
language sql immutable strict set search_path = pg_catalog, pg_temp
as $$
  select string_agg(
    'v1,' || encode(
      extensions.hmac(
        convert_to(message_id || '.' || at || '.' || body, 'UTF8'), decode(key, 'base64'), 'sha256'::text),
      'base64'),
    ' ')
  from unnest(string_to_array(secret, ' ')) as key
$$;
comment on function bridge.sign(text, bigint, text, text) is
  'The webhook-signature header: one signature for each key of the secret. "at" is in seconds since 1970.';

create or replace function bridge.post(url text, message_id text, body jsonb, secret text) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  sent_at bigint := floor(extract(epoch from clock_timestamp()));
begin
  return net.http_post(
    url => post.url,
    body => post.body,
    headers => jsonb_build_object(
      'Content-Type', 'application/json',
      'webhook-id', message_id,
      'webhook-timestamp', sent_at::text,
      -- pg_net sends body::text of the jsonb: what is signed here is what arrives.
      'webhook-signature', bridge.sign(message_id, sent_at, post.body::text, secret)));
end
$$;
comment on function bridge.post(text, text, jsonb, text) is
  'Hands one signed message to pg_net, which sends it once the transaction commits. Returns pg_net''s request id.';
-- From a changed row to a message in the outbox and, when pg_net keeps up, on its way.
-- Called by the trigger functions that bridge.sync writes (09_sync.sql), with the rights of their owner.

create or replace function bridge.json_timestamp(at timestamptz) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
comment on function bridge.json_timestamp(timestamptz) is 'RFC 3339, in UTC, with microseconds.';

create or replace function bridge.transaction() returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  actor text;
begin
  -- Without request claims there is no user to ask for, and most writers that are not the REST API have none.
  if coalesce(current_setting('request.jwt.claims', true), current_setting('request.jwt.claim.sub', true), '') <> ''
    and to_regprocedure('auth.uid()') is not null
  then
    begin
      actor := auth.uid()::text;
    exception when others then
      actor := null;  -- a subject that is no UUID must not break the write
    end;
  end if;
  return jsonb_build_object(
    'id', pg_current_xact_id()::text,
    'actor', actor,
    'role', coalesce(nullif(current_setting('role'), 'none'), session_user));
end
$$;
comment on function bridge.transaction() is
  'The transaction member of a message: {"id", "actor": the user''s id by Supabase''s auth.uid() or null, "role"}.';

create or replace function bridge.envelope(webhook_name text) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
    'type', webhook_name,
    'timestamp', bridge.json_timestamp(clock_timestamp()),
    'transaction', bridge.transaction());
end
$$;
comment on function bridge.envelope(text) is 'A message without its data.';

create or replace function bridge.posts_left() returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  -- Under serializable isolation, reading a queue that everybody writes to would fail writers that have nothing to
  -- do with each other.
  if current_setting('transaction_isolation') = 'serializable' then
    return 200;
  end if;
  -- Rows that were deleted but not yet vacuumed away make the look below as slow as rows that wait.
  if pg_relation_size('net.http_request_queue') > 16 * 1024 * 1024 then
    return 0;
  end if;
  return 200 - (select count(*) from (select from net.http_request_queue limit 200) as waiting);
end
$$;
comment on function bridge.posts_left() is
  'How many more messages pg_net may be handed: it sends 200 a batch, about a batch a second, and slows as its queue grows.';

create or replace function bridge.ring(webhook_url text, secret text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  now_s bigint := floor(extract(epoch from clock_timestamp()));
  message_id text;
begin
  if (select last_value from bridge.last_ring) >= now_s then
    return;
  end if;
  perform setval('bridge.last_ring', now_s);
  message_id := bridge.new_message_id()::text;
  perform bridge.post(
    webhook_url || '/webhooks/bridge.ring',
    message_id,
    bridge.envelope('bridge.ring') || jsonb_build_object(
      'data', jsonb_build_array(jsonb_build_object('id', message_id || ':0', 'operation', 'RING'))),
    secret);
end
$$;
comment on function bridge.ring(text, text) is 'Asks for redelivery at once, at most about once a second.';

create or replace function bridge.thin(event jsonb, key_columns text[]) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select event || jsonb_build_object(
    'truncated', true,
    'record', case when jsonb_typeof(event -> 'record') = 'object' then (
      select jsonb_object_agg(key, event #> array['record', key]) from unnest(key_columns) as key) end,
    'old_record', case when jsonb_typeof(event -> 'old_record') = 'object' then (
      select jsonb_object_agg(key, event #> array['old_record', key]) from unnest(key_columns) as key) end)
$$;
comment on function bridge.thin(jsonb, text[]) is 'The event with nothing but the primary key left in its records.';

create or replace function bridge.key_columns(relation regclass) returns text[]
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(a.attname::text order by k.position), '{}')
  from pg_index as i
  cross join unnest(i.indkey::smallint[]) with ordinality as k (attnum, position)
  join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
  where i.indrelid = relation and i.indisprimary and k.position <= i.indnkeyatts
$$;
comment on function bridge.key_columns(regclass) is 'The primary key''s columns, in its order; empty without one.';

create or replace function bridge.put(
  message_id uuid, webhook bridge.webhook, relation oid, body jsonb, url text, secret text, due_at timestamptz
) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  size integer := octet_length(body::text);
  events jsonb;
  keys text[];
begin
  if size <= 200000 then
    if url is not null then
      -- Before the outbox row, which is then never written twice.
      insert into bridge.posted (request_id, message_id)
      values (bridge.post(url, message_id::text, body, secret), message_id);
    end if;
    insert into bridge.message (id, webhook, target, body, due_at)
    values (message_id, webhook.name, webhook.target, body, due_at);
    return;
  end if;

  events := body -> 'data';
  if jsonb_array_length(events) > 1 then
    perform bridge.put_halves(webhook, relation, body, url, secret, due_at);
    return;
  end if;
  -- By its oid: the table may have another name by now.
  keys := bridge.key_columns(relation);
  if keys <> '{}' then
    perform bridge.put(
      message_id, webhook, relation,
      jsonb_set(body, '{data}', jsonb_build_array(bridge.thin(events -> 0, keys))),
      url, secret, due_at);
  else
    insert into bridge.message (id, webhook, target, body, state, last_error)
    values (
      message_id, webhook.name, webhook.target, body, 'dead',
      format('the event holds %s bytes, 200000 may be sent, and its table has no primary key to send instead', size));
  end if;
end
$$;
comment on function bridge.put(uuid, bridge.webhook, oid, jsonb, text, text, timestamptz) is
  'Writes a message to the outbox and, given a url, posts it. At most 200 kB each: larger ones are split, a larger event is thinned.';

create or replace function bridge.put_halves(
  webhook bridge.webhook, relation oid, body jsonb, url text, secret text, due_at timestamptz
) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  size integer := jsonb_array_length(body -> 'data');
  part integer;
  message_id uuid;
begin
  for part in 0..1 loop
    message_id := bridge.new_message_id();
    perform bridge.put(
      message_id, webhook, relation,
      jsonb_set(body, '{data}', bridge.numbered(message_id, array(
        select e.event
        from jsonb_array_elements(body -> 'data') with ordinality as e (event, n)
        where (e.n - 1) * 2 / size = part
        order by e.n))),
      url, secret, due_at);
  end loop;
end
$$;
comment on function bridge.put_halves(bridge.webhook, oid, jsonb, text, text, timestamptz) is
  'Puts a message as two, each with an id of its own and events named after it.';

create or replace function bridge.numbered(message_id uuid, events jsonb[]) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select jsonb_agg(event || jsonb_build_object('id', message_id || ':' || n - 1) order by n)
  from unnest(events) with ordinality as e (event, n)
$$;
comment on function bridge.numbered(uuid, jsonb[]) is 'The events of a message, named after its id.';

create or replace function bridge.dispatch(webhook_name text, relation oid, messages refcursor, posting boolean)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  webhook bridge.webhook;
  installation bridge.installation;
  secret text;
  posts_left integer := 0;
  message_id uuid;
  events jsonb;
  envelope jsonb;
begin
  fetch messages into message_id, events;
  if not found then
    return;
  end if;
  select * into strict webhook from bridge.webhook as w where w.name = webhook_name;
  if not webhook.enabled then
    return;
  end if;
  select * into strict installation from bridge.installation;
  envelope := bridge.envelope(webhook_name);
  if posting then
    -- Somebody may hold a lock on pg_net's tables (truncate, an update of the extension): the outbox is enough then.
    perform set_config('lock_timeout', '200ms', true);
    select decrypted_secret into strict secret
    from vault.decrypted_secrets where name = 'bridge_signing_secret';
    posts_left := bridge.posts_left();
  end if;

  while message_id is not null loop
    perform bridge.put(
      message_id, webhook, relation, envelope || jsonb_build_object('data', events),
      case when posts_left > 0 then installation.webhook_url || '/webhooks/' || webhook_name end, secret,
      clock_timestamp() + case when posts_left > 0 then installation.fast_path_grace else '0' end);
    posts_left := posts_left - 1;
    fetch messages into message_id, events;
  end loop;

  if posting and posts_left < 0 then
    perform bridge.ring(installation.webhook_url, secret);
  end if;
end
$$;
comment on function bridge.dispatch(text, oid, refcursor, boolean) is
  'Writes a statement''s messages, read from a cursor over (message id, array of events), and posts what pg_net can take.';

create or replace function bridge.put_events(webhook_name text, relation oid, events jsonb[], failure text default null)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  webhook bridge.webhook;
  message_id uuid := bridge.new_message_id();
  body jsonb := bridge.envelope(webhook_name) || jsonb_build_object('data', bridge.numbered(message_id, events));
begin
  if events = '{}' then
    return;
  end if;
  select * into strict webhook from bridge.webhook as w where w.name = webhook_name;
  if failure is null then
    perform bridge.put(message_id, webhook, relation, body, null, null, clock_timestamp());
  else
    insert into bridge.message (id, webhook, target, body, state, last_error)
    values (message_id, webhook_name, webhook.target, body, 'dead', failure);
  end if;
end
$$;
comment on function bridge.put_events(text, oid, jsonb[], text) is
  'Writes events as one message: pending, or dead with the failure that kept them from being evaluated.';

create or replace function bridge.capturing(webhook_name text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce((select enabled from bridge.webhook where name = webhook_name), false)
$$;
comment on function bridge.capturing(text) is 'Whether the webhook is enabled.';
-- What happens to a message after its transaction: settled by pg_net's answer, or claimed and delivered by the
-- redeliver function over the pooled connection.

create or replace function bridge.retry_after(failed_attempts integer) returns interval
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  -- The schedule that the Standard Webhooks specification suggests. Null: give up.
  select (array['5 s', '5 min', '30 min', '2 h', '5 h', '10 h', '14 h', '20 h', '24 h']::interval[])[failed_attempts]
$$;
comment on function bridge.retry_after(integer) is 'How long to wait after so many failed attempts; null once all are used.';

create or replace function bridge.fail(message_id uuid, error text) returns text
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  update bridge.message
  set attempts = attempts + 1,
    last_error = error,
    state = case when bridge.retry_after(attempts + 1) is null then 'dead' else 'pending' end,
    -- Up to a tenth later, so that what failed together is not tried again together.
    due_at = clock_timestamp() + coalesce(bridge.retry_after(attempts + 1) * (1 + random() / 10), '0')
  where id = message_id and state = 'pending'
  returning state
$$;
comment on function bridge.fail(uuid, text) is 'Records a failed attempt: the message is due again by the schedule, or dead after it.';

create or replace function bridge.complete(message_ids uuid[]) returns integer
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  with completed as (
    update bridge.message set state = 'delivered', delivered_at = clock_timestamp()
    where id = any (message_ids) and state = 'pending'
    returning 1)
  select count(*)::integer from completed
$$;
comment on function bridge.complete(uuid[]) is 'Marks messages delivered. Returns how many were pending until now.';

create or replace function bridge.settle(max_messages integer) returns table (delivered integer, failed integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  accepted uuid[];
  refused jsonb;
begin
  with answered as materialized (
    select p.request_id, p.message_id,
      -- The receiver repeats the id. Without it the answer is another's: of a page that a redirect led to, or of a
      -- request with the same number after pg_net was created anew.
      coalesce(r.status_code between 200 and 299 and position(p.message_id::text in r.content) > 0, false) as accepted,
      case
        when r.status_code between 200 and 299 then format('HTTP %s, but not from the receiver', r.status_code)
        when r.status_code is not null then format('HTTP %s', r.status_code)
        when r.timed_out then 'timed out'
        else coalesce(r.error_msg, 'no answer')
      end as answer
    from bridge.posted as p
    join net._http_response as r on r.id = p.request_id
    -- pg_net keeps six hours of answers, indexed by when they came: only those that can be ours are looked at.
    where r.created >= (select min(posted_at) from bridge.posted) - interval '1 minute'
    order by p.request_id
    limit max_messages
    for update of p skip locked),
  settled as (
    delete from bridge.posted as p using answered as a where p.request_id = a.request_id)
  select
    array_agg(a.message_id) filter (where a.accepted),
    jsonb_object_agg(a.message_id, a.answer) filter (where not a.accepted)
  into accepted, refused
  from answered as a;

  delivered := bridge.complete(coalesce(accepted, '{}'));
  select count(bridge.fail(key::uuid, value)) into failed from jsonb_each_text(refused);
  return next;
end
$$;
comment on function bridge.settle(integer) is
  'Takes over pg_net''s answers: 2xx from the receiver is delivered, anything else a failed attempt. Returns how many of each.';

create or replace function bridge.claim(max_messages integer, lease_seconds integer)
returns table (id uuid, webhook text, target text, body text, attempts integer)
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select m.id
    from bridge.message as m
    where m.state = 'pending' and m.due_at <= clock_timestamp()
    order by m.due_at
    limit max_messages
    for update skip locked)
  update bridge.message as m
  set due_at = clock_timestamp() + make_interval(secs => lease_seconds)
  from due
  where m.id = due.id
  returning m.id, m.webhook, m.target, m.body::text, m.attempts
$$;
comment on function bridge.claim(integer, integer) is
  'Leases due messages, oldest first, to one deliverer. Those of a deliverer that died are due again after the lease.';

create or replace function bridge.prune(max_rows integer) returns integer
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  with retained as (
    select
      -- As long as an event may still come again: fourteen days in a queue, four of attempts before.
      clock_timestamp() - retention - interval '18 days' as forget_before,
      bridge.message_id_at(clock_timestamp() - retention) as first_id
    from bridge.installation),
  messages as (
    delete from bridge.message as m
    where m.id in (
      select id from bridge.message
      where state = 'delivered' and id < (select first_id from retained)
      order by id limit max_rows for update skip locked)
    returning 1),
  events as (
    -- By when they were processed: an event that came late may come again as long after.
    delete from bridge.processed_event
    where ctid = any (array(
      select ctid from bridge.processed_event
      where processed_at < (select forget_before from retained)
      limit max_rows for update skip locked))
    returning 1),
  requests as (
    -- Never answered: pg_net lost them, and redelivery has had them since.
    delete from bridge.posted where posted_at < clock_timestamp() - interval '1 hour' returning 1)
  select (select count(*) from messages)::integer + (select count(*) from events)::integer
    + (select count(*) from requests)::integer
$$;
comment on function bridge.prune(integer) is
  'Deletes delivered messages past retention and processed event ids 18 days later, at most max_rows of each. Returns how many rows went.';

create or replace function bridge.metrics()
returns table (pending bigint, oldest_seconds double precision, dead bigint)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select
    count(*) filter (where state = 'pending'),
    coalesce(extract(epoch from clock_timestamp() - min(created_at) filter (where state = 'pending')), 0)
      ::double precision,
    count(*) filter (where state = 'dead')
  from bridge.message where state = 'pending' or state = 'dead'
$$;
comment on function bridge.metrics() is
  'Messages not yet known to be delivered, the age of the oldest of them in seconds, and dead letters.';
-- For whoever operates it, from Supabase Studio's SQL editor.

create or replace function bridge.ping() returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  message_id text := bridge.new_message_id()::text;
  secret text;
begin
  select decrypted_secret into strict secret
  from vault.decrypted_secrets where name = 'bridge_signing_secret';
  return bridge.post(
    (select webhook_url from bridge.installation) || '/webhooks/bridge.ping',
    message_id,
    bridge.envelope('bridge.ping') || '{"data": []}',
    secret);
end
$$;
comment on function bridge.ping() is
  'Sends a signed message that no worker gets. Returns a request id: ask bridge.ping_answer(id) a moment later what came back.';

create or replace function bridge.ping_answer(request_id bigint) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('status', status_code, 'timed_out', timed_out, 'error', error_msg, 'body', left(content, 500))
  from net._http_response where id = request_id
$$;
comment on function bridge.ping_answer(bigint) is 'What came back for bridge.ping(); null while nothing has.';

create or replace view bridge.dead_letter as
  select id as message_id, webhook, target, created_at, attempts, last_error, body -> 'data' as events
  from bridge.message where state = 'dead';
comment on view bridge.dead_letter is 'Messages that were given up or could never be sent, and why.';

create or replace view bridge.status as
  select w.name as webhook, w.target, w.enabled, m.pending, m.oldest_pending, m.dead
  from bridge.webhook as w
  left join lateral (
    select
      count(*) filter (where state = 'pending') as pending,
      min(created_at) filter (where state = 'pending') as oldest_pending,
      count(*) filter (where state = 'dead') as dead
    from bridge.message
    where webhook = w.name and (state = 'pending' or state = 'dead')) as m on true;
comment on view bridge.status is 'Per webhook: whether it is enabled, what waits, since when, and what was given up.';
-- Whether a declaration fits this database. Answers with every problem, changes nothing.

create or replace function bridge.nearest(given text, candidates text[]) returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  -- Names are alike when they share pairs of letters (Dice's coefficient): no extension needed for a hint.
  with pairs (candidate, pair) as (
    select distinct c, substring(lower(c) from i for 2)
    from unnest(candidates || given) as c, generate_series(1, length(c) - 1) as i),
  alike as (
    select theirs.candidate, 2.0 * count(*) / (
      (select count(*) from pairs where candidate = given)
      + (select count(*) from pairs as p where p.candidate = theirs.candidate)) as likeness
    from pairs as ours join pairs as theirs using (pair)
    where ours.candidate = given and theirs.candidate <> given
    group by theirs.candidate)
  select candidate from alike where likeness >= 0.5 order by likeness desc, candidate limit 1
$$;
comment on function bridge.nearest(text, text[]) is 'The candidate most like the given name, or null if none is.';

create or replace function bridge.relation(name text) returns regclass
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  parts text[];
begin
  parts := parse_ident(name);
  if cardinality(parts) <> 2 then
    return null;
  end if;
  return to_regclass(format('%I.%I', parts[1], parts[2]));
exception when invalid_parameter_value then
  return null;
end
$$;
comment on function bridge.relation(text) is 'The table of that name, written schema.table as in SQL; null if there is none.';

create or replace function bridge.condition_problem(relation regclass, operations text[], condition text) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  plan record;
  failure text;
begin
  -- Planned, never run. A loop over EXECUTE takes one statement only, so nothing can ride along.
  for plan in execute format(
    E'explain select from %s where (%s\n)',
    concat_ws(
      ' cross join ',
      -- As subqueries, like transition tables: without the table's system columns.
      case when operations && '{insert,update}' then format('(select * from %s) as new', relation) end,
      case when operations && '{update,delete}' then format('(select * from %s) as old', relation) end),
    condition)
  loop
    exit;
  end loop;
  return null;
exception when others then
  get stacked diagnostics failure = message_text;
  return failure || case
    when failure like '%"old"%' and not operations && '{update,delete}' then ' (an insert has no old row)'
    when failure like '%"new"%' and not operations && '{insert,update}' then ' (a delete has no new row)'
    else ''
  end;
end
$$;
comment on function bridge.condition_problem(regclass, text[], text) is
  'Why the condition can''t be planned against the table; null if it can.';

create or replace function bridge.webhook_problems(declared jsonb) returns setof text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  webhook text := declared ->> 'name';
  relation regclass := bridge.relation(declared ->> 'table');
  operations text[] := array(select jsonb_array_elements_text(declared -> 'operations'));
  kind "char";
  all_columns text[];
  missing text;
  failure text;
begin
  if relation is null then
    return next format('table "%s" of webhook "%s" does not exist%s', declared ->> 'table', webhook,
      coalesce('; did you mean "' || bridge.nearest(declared ->> 'table', array(
        select format('%I.%I', n.nspname, c.relname)
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema$|bridge$|net$|vault$)')) || '"?', ''));
    return;
  end if;

  if exists (
    select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where c.oid = relation and n.nspname ~ '^(bridge|net|vault|information_schema|pg_.*)$')
  then
    return next format('table "%s" of webhook "%s" is the system''s own: webhooks are for tables of yours',
      declared ->> 'table', webhook);
    return;
  end if;

  select relkind into kind from pg_class where oid = relation;
  if kind not in ('r', 'p') then
    return next format('"%s" of webhook "%s" is no table but a %s: name the table that it reads from',
      declared ->> 'table', webhook,
      case kind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'relation' end);
    return;
  end if;
  if not has_table_privilege(relation, 'trigger') then
    return next format('role %I may not create triggers on "%s" of webhook "%s": run "grant trigger on %s to %I" as its owner',
      current_user, declared ->> 'table', webhook, relation, current_user);
  end if;
  if operations && '{update,delete}' and bridge.key_columns(relation) = '{}' then
    return next format('"%s" of webhook "%s" has no primary key, which update and delete need to tell which row changed: '
      'add one, or declare insert only', declared ->> 'table', webhook);
  end if;

  all_columns := array(
    select attname::text from pg_attribute where attrelid = relation and attnum > 0 and not attisdropped);
  if jsonb_typeof(declared -> 'columns') = 'array' then
    for missing in
      select name from jsonb_array_elements_text(declared -> 'columns') as name where name <> all (all_columns)
    loop
      return next format('column "%s" of webhook "%s" does not exist in "%s"; %s', missing, webhook, declared ->> 'table',
        coalesce('did you mean "' || bridge.nearest(missing, all_columns) || '"?',
          'it has ' || array_to_string(all_columns, ', ')));
    end loop;
  end if;

  if declared ->> 'when' is not null then
    failure := bridge.condition_problem(relation, operations, declared ->> 'when');
    if failure is not null then
      return next format('condition "%s" of webhook "%s" fails: %s; it sees no search_path, so write names in full',
        declared ->> 'when', webhook, failure);
    end if;
  end if;
end
$$;
comment on function bridge.webhook_problems(jsonb) is 'What keeps one declared webhook from being captured, a line each.';

create or replace function bridge.check_declaration(desired jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  problems text[];
begin
  select array_agg(problem) into problems
  from jsonb_array_elements(desired -> 'webhooks') as declared, bridge.webhook_problems(declared) as problem;
  if problems is not null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = array_to_string(problems, '; ');
  end if;
end
$$;
comment on function bridge.check_declaration(jsonb) is 'Raises an error that names every problem of the declaration.';
-- The trigger function of one webhook and one operation, written for its table, columns and condition so that
-- Postgres keeps its plan. All that does not depend on them is in 04_capture.sql.

create or replace function bridge.capture_columns(declared jsonb) returns text[]
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case when jsonb_typeof(declared -> 'columns') = 'array' then array(
    select name
    from unnest(
      bridge.key_columns(bridge.relation(declared ->> 'table'))
      || array(select jsonb_array_elements_text(declared -> 'columns'))) with ordinality as c (name, position)
    group by name order by min(position)) end
$$;
comment on function bridge.capture_columns(jsonb) is
  'The columns of a webhook''s records: those declared, and the primary key. Null: every column.';

create or replace function bridge.capture_from(operation text) returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  -- new_row and old_row hold the rows whole, new and old their columns. The side that an operation lacks is null, so
  -- that one condition can serve several operations. No name of the table itself: it may be renamed.
  -- "bridge row" is a name that no column has; a column of the same name as the row would be taken for it.
  select case operation
    when 'insert' then
      '(select "bridge row" as row_ from new_rows as "bridge row") as new_row'
      ' cross join lateral (select (new_row.row_).*) as new'
      ' left join (select * from new_rows where false) as old on true'
    when 'delete' then
      '(select "bridge row" as row_ from old_rows as "bridge row") as old_row'
      ' cross join lateral (select (old_row.row_).*) as old'
      ' left join (select * from old_rows where false) as new on true'
    -- Postgres appends an updated row to both transition tables at once, so their n-th rows belong together, also
    -- when the primary key itself has changed or two rows have swapped theirs. A full join, because that is never a
    -- nested loop: transition tables have no statistics, and a plan made for one row must serve 20,000.
    else
      '(select row_number() over () as position, "bridge row" as row_ from old_rows as "bridge row") as old_row'
      ' full join (select row_number() over () as position, "bridge row" as row_ from new_rows as "bridge row")'
      ' as new_row using (position)'
      ' cross join lateral (select (old_row.row_).*) as old'
      ' cross join lateral (select (new_row.row_).*) as new'
  end
$$;
comment on function bridge.capture_from(text) is
  'The FROM clause over a statement''s transition tables that gives its changed rows.';

create or replace function bridge.capture_record(declared jsonb, operation text, side text) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select case
    when (operation, side) in (('insert', 'old'), ('delete', 'new')) then 'null::jsonb'
    when bridge.capture_columns(declared) is null then format('to_jsonb(%s_row.row_)', side)
    else format('(select to_jsonb("bridge row") from (select %s) as "bridge row")', (
      select string_agg(format('%s.%I', side, name), ', ' order by position)
      from unnest(bridge.capture_columns(declared)) with ordinality as c (name, position)))
  end
$$;
comment on function bridge.capture_record(jsonb, text, text) is 'SQL for the record of one side, new or old.';

create or replace function bridge.capture_where(declared jsonb, operation text) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(' and ', 'true',
    -- Compared as stored, so that types without an equality operator (json, point) work too.
    case when operation = 'update' then (
      select format('record_image_ne(row(%s), row(%s))',
        string_agg(format('old.%I', name), ', '), string_agg(format('new.%I', name), ', '))
      from unnest(bridge.capture_columns(declared)) as name
      having count(*) > 0) end,
    -- On lines of its own: a condition may end in a comment.
    E'(\n' || (declared ->> 'when') || E'\n)')
$$;
comment on function bridge.capture_where(jsonb, text) is 'SQL for whether a changed row is an event.';

create or replace function bridge.pick(record jsonb, columns text[]) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select case when columns is null then record else (
    select jsonb_object_agg(key, value) from jsonb_each(record) where key = any (columns)) end
$$;
comment on function bridge.pick(jsonb, text[]) is 'The record with only these columns; all of them for null.';

create or replace function bridge.capture_source(declared jsonb, operation text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  parts text[] := parse_ident(declared ->> 'table');
begin
  return format($source$
#variable_conflict use_column
declare
  statement_id text;
  first_number bigint;
  messages refcursor;
  posting boolean;
  changed record;
  event jsonb;
  events jsonb[] := '{}';
  fires boolean;
  failure text;
begin
  -- The statement at once, posted; if that fails (pg_net or Vault is missing or broken), at once into the outbox.
  foreach posting in array array[true, false] loop
    begin
      statement_id := bridge.new_message_id()::text;
      first_number := ('x' || right(statement_id, 8))::bit(32)::bigint >> 1;
      statement_id := left(statement_id, 28);
      open messages for
        select
          (statement_id || lpad(to_hex(first_number + number / 100), 8, '0'))::uuid,
          jsonb_agg(
            jsonb_build_object(
              'id', statement_id || lpad(to_hex(first_number + number / 100), 8, '0') || ':' || number %% 100,
              'operation', %2$L, 'schema', %3$L, 'table', %4$L, 'record', record, 'old_record', old_record)
            order by number)
        from (
          select row_number() over () - 1 as number, %5$s as record, %6$s as old_record
          from %7$s
          where %8$s) as numbered
        group by number / 100;
      perform bridge.dispatch(%1$L, tg_relid, messages, posting);
      close messages;
      return null;
    exception when assert_failure or others then
      get stacked diagnostics failure = message_text;
    end;
  end loop;

  -- Row by row: those that can't be evaluated become dead letters, the others are delivered.
  if not bridge.capturing(%1$L) then
    return null;
  end if;
  for changed in select %9$s as new_row, %10$s as old_row from %7$s loop
    event := null;
    failure := null;
    begin
      event := jsonb_build_object(
        'operation', %2$L, 'schema', %3$L, 'table', %4$L,
        'record', bridge.pick(to_jsonb(changed.new_row), %11$L::text[]),
        'old_record', bridge.pick(to_jsonb(changed.old_row), %11$L::text[]));
      select %8$s into fires
      from jsonb_populate_record(null::%12$s, to_jsonb(changed.new_row)) as new,
        jsonb_populate_record(null::%12$s, to_jsonb(changed.old_row)) as old;
    exception when assert_failure or others then
      get stacked diagnostics failure = message_text;
    end;
    if failure is not null then
      perform bridge.put_events(%1$L, tg_relid, array[coalesce(event, jsonb_build_object(
        'operation', %2$L, 'schema', %3$L, 'table', %4$L, 'record', null, 'old_record', null,
        'row', left(coalesce(changed.new_row::text, changed.old_row::text), 10000)))], failure);
    elsif fires then
      events := events || event;
    end if;
    if cardinality(events) = 100 then
      perform bridge.put_events(%1$L, tg_relid, events);
      events := '{}';
    end if;
  end loop;
  perform bridge.put_events(%1$L, tg_relid, events);
  return null;
exception
  -- What fails any statement fails this one too: its client may try again, and nothing is lost.
  when transaction_rollback or lock_not_available or insufficient_resources or operator_intervention then
    raise;
  when assert_failure or others then
    get stacked diagnostics failure = message_text;
    raise warning using
      message = format('webhook "%%s" could not capture a statement: %%s', %1$L, failure),
      hint = 'The write itself is not affected. Deploy again to repair schema bridge.';
    return null;
end
$source$,
    declared ->> 'name',
    upper(operation), parts[1], parts[2],
    bridge.capture_record(declared, operation, 'new'),
    bridge.capture_record(declared, operation, 'old'),
    bridge.capture_from(operation),
    bridge.capture_where(declared, operation),
    case operation when 'delete' then 'null::jsonb' else 'new_row.row_' end,
    case operation when 'insert' then 'null::jsonb' else 'old_row.row_' end,
    bridge.capture_columns(declared),
    bridge.relation(declared ->> 'table'));
end
$$;
comment on function bridge.capture_source(jsonb, text) is 'The PL/pgSQL of the trigger function for one webhook and operation.';
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
  where r.relid is not null
$$;
comment on function bridge.desired_triggers(jsonb) is 'The triggers that a declaration asks for, those on partitions included.';

create or replace view bridge.present_trigger as
  select t.tgrelid as relation, t.tgname::text as trigger_name, p.proname::text as function_name, t.tgenabled as enabled
  from pg_trigger as t
  join pg_proc as p on p.oid = t.tgfoid
  where p.pronamespace = 'bridge'::regnamespace and p.proname like 'capture\_%' and not t.tgisinternal;
comment on view bridge.present_trigger is 'The triggers that are in place.';

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
      ' set lock_timeout = 0 as %L',
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
    where d.trigger_name is null or (p.enabled = 'D' and not pg_has_role(c.relowner, 'usage'))
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
    where p.relation is null or p.enabled = 'D'
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
  insert into bridge.target (name, kind)
  select t ->> 'name', t ->> 'kind' from jsonb_array_elements(desired -> 'targets') as t
  on conflict (name) do update set kind = excluded.kind;

  insert into bridge.webhook as present (
    name, table_schema, table_name, operations, columns, condition, target, enabled, declaration)
  select
    w ->> 'name',
    (parse_ident(w ->> 'table'))[1], (parse_ident(w ->> 'table'))[2],
    array(select jsonb_array_elements_text(w -> 'operations')),
    case when jsonb_typeof(w -> 'columns') = 'array' then array(select jsonb_array_elements_text(w -> 'columns')) end,
    w ->> 'when', w ->> 'target', coalesce((w ->> 'enabled')::boolean, true), w
  from jsonb_array_elements(desired -> 'webhooks') as w
  on conflict (name) do update set
    table_schema = excluded.table_schema, table_name = excluded.table_name, operations = excluded.operations,
    columns = excluded.columns, condition = excluded.condition, target = excluded.target,
    declaration = excluded.declaration,
    -- What was switched by hand stays switched, until the declaration itself says otherwise.
    enabled = case when excluded.declaration -> 'enabled' is distinct from present.declaration -> 'enabled'
      then excluded.enabled else present.enabled end;

  delete from bridge.webhook
  where name not in (select w ->> 'name' from jsonb_array_elements(desired -> 'webhooks') as w);
  delete from bridge.target
  where name not in (select t ->> 'name' from jsonb_array_elements(desired -> 'targets') as t);

  insert into bridge.installation (owner, webhook_url, fast_path_grace, retention, declaration)
  values (
    owner, rtrim(desired ->> 'webhook_url', '/'),
    make_interval(secs => (desired ->> 'fast_path_grace')::double precision),
    make_interval(days => (desired ->> 'retention')::integer),
    desired)
  on conflict (only_row) do update set
    owner = excluded.owner, webhook_url = excluded.webhook_url, fast_path_grace = excluded.fast_path_grace,
    retention = excluded.retention, declaration = excluded.declaration, updated_at = now();
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
  begin
    delete from vault.secrets where name = 'bridge_signing_secret';
  exception when others then
    raise notice 'the signing secret stays in Vault: %', sqlerrm;
  end;

  if undelivered = 0 then
    drop schema bridge cascade;
  else
    -- The messages are the user's data: all else goes, they stay, and the next installation delivers them.
    for item in
      select 1 as position, 'view' as kind, oid::regclass::text as name from pg_class
      where relnamespace = 'bridge'::regnamespace and relkind = 'v'
      union all
      select 2, 'function', oid::regprocedure::text from pg_proc where pronamespace = 'bridge'::regnamespace
      union all
      select 3, 'sequence', oid::regclass::text from pg_class
      where relnamespace = 'bridge'::regnamespace and relkind = 'S'
      union all
      select 4, 'table', oid::regclass::text from pg_class
      where relnamespace = 'bridge'::regnamespace and relkind = 'r' and relname not in ('message', 'processed_event')
      order by position
    loop
      execute format('drop %s if exists %s cascade', item.kind, item.name);
    end loop;
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
