-- From a changed row to a message in the outbox and, when pg_net keeps up, on its way.
-- Called by the trigger functions that bridge.sync writes (14_sync.sql), with the rights of their owner.

create or replace function bridge.json_timestamp(at timestamptz) returns text
language sql stable
-- Parsed here and now, so that no search_path has to be set with each call: it is part of what calls it.
return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
comment on function bridge.json_timestamp(timestamptz) is 'RFC 3339, in UTC, with microseconds.';

create or replace function bridge.envelope(webhook_name text) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
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
    'type', webhook_name,
    'timestamp', bridge.json_timestamp(clock_timestamp()),
    'transaction', jsonb_build_object(
      'id', pg_current_xact_id()::text,
      'actor', actor,
      'role', coalesce(nullif(current_setting('role'), 'none'), session_user)));
end
$$;
comment on function bridge.envelope(text) is
  'A message without its data. Its transaction: {"id", "actor": the user''s id by Supabase''s auth.uid() or null, "role"}.';

create or replace function bridge.ring(webhook_url text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  now_s bigint := floor(extract(epoch from clock_timestamp()));
  secret text;
  message_id text;
  body jsonb;
begin
  if (select last_value from bridge.last_ring) >= now_s then
    return;
  end if;
  secret := bridge.signing_secret(null);
  if secret is null then
    return;
  end if;
  perform setval('bridge.last_ring', now_s);
  message_id := bridge.new_message_id()::text;
  body := bridge.envelope('bridge.ring') || jsonb_build_object(
    'data', jsonb_build_array(jsonb_build_object('id', message_id || ':0', 'operation', 'RING')));
  perform bridge.post(webhook_url || '/webhooks/bridge.ring', message_id, body, body::text, secret);
end
$$;
comment on function bridge.ring(text) is 'Asks for redelivery at once, at most about once a second.';

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
  message_id uuid, webhook bridge.webhook, relation oid, body jsonb, addresses bridge.address[], grace interval
) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  -- As pg_net sends it and SQS gets it.
  sent text := body::text;
  size integer := octet_length(sent);
  posts integer := 0;
  events jsonb;
  keys text[];
begin
  if size <= 200000 then
    -- Before the outbox rows, which are then never written twice.
    if cardinality(addresses) > 1 or addresses[1].url is not null then
      insert into bridge.posted (request_id, message_id, targets)
      select bridge.post(a.url, put.message_id::text, put.body, sent, a.secret), put.message_id, a.targets
      from unnest(addresses) as a where a.url is not null;
      get diagnostics posts = row_count;
    end if;
    insert into bridge.message (id, webhook, target, body, ordered, due_at)
    select
      put.message_id, webhook.name, target, put.body, a.ordered,
      case
        -- Parked until bridge.admit lets it through.
        when webhook.paused_at is not null or webhook.max_per_minute is not null then 'infinity'
        when a.url is null then clock_timestamp()
        else clock_timestamp() + grace
      end
    from unnest(addresses) as a, unnest(a.targets) as target;
    return posts;
  end if;

  events := body -> 'data';
  if jsonb_array_length(events) > 1 then
    return bridge.put_halves(webhook, relation, body, addresses, grace);
  end if;
  -- By its oid: the table may have another name by now.
  keys := bridge.key_columns(relation);
  if keys <> '{}' then
    return bridge.put(
      message_id, webhook, relation,
      jsonb_set(body, '{data}', jsonb_build_array(bridge.thin(events -> 0, keys))),
      addresses, grace);
  end if;
  perform bridge.put_dead(message_id, webhook, body, format(
    'the event holds %s bytes, 200000 may be sent, and its table has no primary key to send instead', size));
  return 0;
end
$$;
comment on function bridge.put(uuid, bridge.webhook, oid, jsonb, bridge.address[], interval) is
  'Writes a message to the outbox, and posts it where an address has a url. At most 200 kB each: larger ones are split, a larger event is thinned. Returns how many posts it took.';

create or replace function bridge.put_dead(message_id uuid, webhook bridge.webhook, body jsonb, failure text)
returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  insert into bridge.message (id, webhook, target, body, state, last_error, ordered)
  select message_id, webhook.name, d.target, body, 'dead', failure, coalesce(t.ordered, false)
  from unnest(webhook.targets) as d (target) left join bridge.target as t on t.name = d.target
$$;
comment on function bridge.put_dead(uuid, bridge.webhook, jsonb, text) is
  'Writes a message that can''t be sent, and why, for a person to look at.';

create or replace function bridge.put_halves(
  webhook bridge.webhook, relation oid, body jsonb, addresses bridge.address[], grace interval
) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  size integer := jsonb_array_length(body -> 'data');
  part integer;
  message_id uuid;
  posts integer := 0;
begin
  for part in 0..1 loop
    message_id := bridge.new_message_id();
    posts := posts + bridge.put(
      message_id, webhook, relation,
      jsonb_set(body, '{data}', bridge.numbered(message_id, array(
        select e.event
        from jsonb_array_elements(body -> 'data') with ordinality as e (event, n)
        where (e.n - 1) * 2 / size = part
        order by e.n))),
      addresses, grace);
  end loop;
  return posts;
end
$$;
comment on function bridge.put_halves(bridge.webhook, oid, jsonb, bridge.address[], interval) is
  'Puts a message as two, each with an id of its own and events named after it. Returns how many posts they took.';

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
  addresses bridge.address[];
  posts_left integer := 0;
  posts integer := 0;
  behind boolean := false;
  ringing boolean := false;
  message_id uuid;
  events text;
  head text;
begin
  fetch messages into message_id, events;
  if not found then
    return;
  end if;
  select * into strict webhook from bridge.webhook as w where w.name = webhook_name;
  if not webhook.enabled then
    return;
  end if;
  head := left(bridge.envelope(webhook_name)::text, -1) || ', "data": ';
  if posting and not bridge.known_to_be_behind() then
    -- Somebody may hold a lock on pg_net's tables (truncate, an update of the extension): the outbox is enough then.
    perform set_config('lock_timeout', '200ms', true);
    select * into strict installation from bridge.installation;
    posts_left := bridge.posts_left();
    behind := posts_left <= 0;
    if not behind or webhook.paused_at is not null or webhook.max_per_minute is not null then
      addresses := bridge.addresses(webhook, installation.webhook_url);
      select count(url), bool_or(at_once) into posts, ringing from unnest(addresses);
    end if;
  end if;
  addresses := coalesce(addresses, bridge.unposted(webhook));

  while message_id is not null loop
    if posts > 0 and posts_left <= 0 then
      -- What pg_net can't take is left to redelivery.
      addresses := bridge.unposted(webhook);
      behind := true;
      posts := 0;
    end if;
    posts_left := posts_left - bridge.put(
      message_id, webhook, relation, (head || events || '}')::jsonb, addresses, installation.fast_path_grace);
    fetch messages into message_id, events;
  end loop;

  if behind then
    perform setval('bridge.last_behind', floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  end if;
  if behind or ringing then
    perform bridge.ring(installation.webhook_url);
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
    perform bridge.put(message_id, webhook, relation, body, bridge.unposted(webhook), '0');
  else
    perform bridge.put_dead(message_id, webhook, body, failure);
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
