-- From a changed row to a message in the outbox and, when pg_net keeps up, on its way.
-- Called by the trigger functions that bridge.sync writes (07_sync.sql), with the rights of their owner.

create or replace function bridge.json_timestamp(at timestamptz) returns text
language sql stable set search_path = ''
as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
comment on function bridge.json_timestamp(timestamptz) is 'RFC 3339, in UTC, with microseconds.';

create or replace function bridge.transaction() returns jsonb
language plpgsql stable set search_path = ''
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

create or replace function bridge.posts_left() returns integer
language plpgsql volatile set search_path = ''
as $$
begin
  -- Under serializable isolation, reading a queue that everybody writes to would fail writers that have nothing to
  -- do with each other.
  if current_setting('transaction_isolation') = 'serializable' then
    return 200;
  end if;
  return 200 - (select count(*) from (select from net.http_request_queue limit 200) as waiting);
end
$$;
comment on function bridge.posts_left() is
  'How many more messages pg_net may be handed: it sends 200 a batch, about a batch a second, and slows as its queue grows.';

create or replace function bridge.ring(webhook_url text, secret text) returns void
language plpgsql volatile set search_path = ''
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
    jsonb_build_object(
      'type', 'bridge.ring',
      'timestamp', bridge.json_timestamp(clock_timestamp()),
      'transaction', bridge.transaction(),
      'data', jsonb_build_array(jsonb_build_object('id', message_id || ':0', 'operation', 'RING'))),
    secret);
end
$$;
comment on function bridge.ring(text, text) is 'Asks for redelivery at once, at most about once a second.';

create or replace function bridge.thin(event jsonb, key_columns text[]) returns jsonb
language sql immutable set search_path = ''
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
language sql stable set search_path = ''
as $$
  select coalesce(array_agg(a.attname::text order by k.position), '{}')
  from pg_index as i
  cross join unnest(i.indkey::smallint[]) with ordinality as k (attnum, position)
  join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
  where i.indrelid = relation and i.indisprimary
$$;
comment on function bridge.key_columns(regclass) is 'The primary key''s columns, in its order; empty without one.';

create or replace function bridge.put(
  message_id uuid, webhook bridge.webhook, body jsonb, url text, secret text, due_at timestamptz
) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  text_body text := body::text;
  events jsonb := body -> 'data';
  half jsonb;
  part integer;
  part_id uuid;
  keys text[];
begin
  if octet_length(text_body) <= 200000 then
    if url is not null then
      -- Before the outbox row, which is then never written twice.
      insert into bridge.posted (request_id, message_id)
      values (bridge.post(url, message_id::text, body, secret), message_id);
    end if;
    insert into bridge.message (id, webhook, target, body, due_at)
    values (message_id, webhook.name, webhook.target, body, due_at);
    return;
  end if;

  if jsonb_array_length(events) = 1 then
    keys := bridge.key_columns(format('%I.%I', webhook.table_schema, webhook.table_name)::regclass);
    if keys = '{}' then
      insert into bridge.message (id, webhook, target, body, state, last_error)
      values (
        message_id, webhook.name, webhook.target, body, 'dead',
        format('the event holds %s bytes, 200000 may be sent, and its table has no primary key to send instead',
          octet_length(text_body)));
    else
      perform bridge.put(
        message_id, webhook,
        jsonb_set(body, '{data}', jsonb_build_array(bridge.thin(events -> 0, keys))),
        url, secret, due_at);
    end if;
    return;
  end if;

  -- Halves, until they fit. Each is a message of its own, so its events are named after its own id.
  for part in 0..1 loop
    part_id := bridge.new_message_id();
    select jsonb_agg(
        event || jsonb_build_object('id', part_id || ':' || (position - first)) order by position)
    into half
    from (
      select event, position, min(position) over () as first
      from jsonb_array_elements(events) with ordinality as e (event, position)
      where ((position - 1) * 2 / jsonb_array_length(events)) = part) as chosen;
    perform bridge.put(part_id, webhook, jsonb_set(body, '{data}', half), url, secret, due_at);
  end loop;
end
$$;
comment on function bridge.put(uuid, bridge.webhook, jsonb, text, text, timestamptz) is
  'Writes a message to the outbox and, given a url, posts it. At most 200 kB each: larger ones are split, a larger event is thinned.';

create or replace function bridge.dispatch(webhook_name text, messages refcursor, posting boolean) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  webhook bridge.webhook;
  installation bridge.installation;
  secret text;
  posts_left integer := 0;
  url text;
  message_id uuid;
  events jsonb;
  envelope jsonb;
begin
  fetch messages into message_id, events;
  if not found then
    return;
  end if;
  select * into strict webhook from bridge.webhook as w where w.name = webhook_name;
  select * into strict installation from bridge.installation;
  envelope := jsonb_build_object(
    'type', webhook_name,
    'timestamp', bridge.json_timestamp(clock_timestamp()),
    'transaction', bridge.transaction());
  if posting then
    select decrypted_secret into strict secret
    from vault.decrypted_secrets where name = 'bridge_signing_secret';
    url := installation.webhook_url || '/webhooks/' || webhook_name;
    posts_left := bridge.posts_left();
  end if;

  while found loop
    perform bridge.put(
      message_id, webhook, envelope || jsonb_build_object('data', events),
      case when posts_left > 0 then url end, secret,
      case when posts_left > 0 then clock_timestamp() + installation.fast_path_grace else clock_timestamp() end);
    posts_left := posts_left - 1;
    fetch messages into message_id, events;
  end loop;

  if posting and posts_left < 0 then
    perform bridge.ring(installation.webhook_url, secret);
  end if;
end
$$;
comment on function bridge.dispatch(text, refcursor, boolean) is
  'Writes a statement''s messages, read from a cursor over (message id, array of events), and posts what pg_net can take.';

create or replace function bridge.put_row(webhook_name text, event jsonb, failure text) returns void
language plpgsql volatile set search_path = ''
as $$
declare
  webhook bridge.webhook;
  message_id uuid := bridge.new_message_id();
  body jsonb := jsonb_build_object(
    'type', webhook_name,
    'timestamp', bridge.json_timestamp(clock_timestamp()),
    'transaction', bridge.transaction(),
    'data', jsonb_build_array(event || jsonb_build_object('id', message_id || ':0')));
begin
  select * into strict webhook from bridge.webhook as w where w.name = webhook_name;
  if failure is null then
    perform bridge.put(message_id, webhook, body, null, null, clock_timestamp());
  else
    insert into bridge.message (id, webhook, target, body, state, last_error)
    values (message_id, webhook_name, webhook.target, body, 'dead', failure);
  end if;
end
$$;
comment on function bridge.put_row(text, jsonb, text) is
  'Writes one event as a message of its own: pending, or dead with the failure that kept it from being evaluated.';

create or replace function bridge.capturing(webhook_name text) returns boolean
language sql stable set search_path = ''
as $$
  select coalesce((select enabled from bridge.webhook where name = webhook_name), false)
$$;
comment on function bridge.capturing(text) is 'Whether the webhook is enabled.';
