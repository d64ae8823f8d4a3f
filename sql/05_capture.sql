-- From a changed row to a message in the outbox and, after a rest, on its way; else redelivery is rung for.
-- Called by the trigger functions that bridge.sync writes (14_sync.sql), with the rights of their owner.

create or replace function bridge.json_timestamp(at timestamptz) returns text
language sql stable
-- Parsed here and now, so that no search_path has to be set with each call: it is part of what calls it.
return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
comment on function bridge.json_timestamp(timestamptz) is 'RFC 3339, in UTC, with microseconds.';

create or replace function bridge.actor() returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  if to_regprocedure('auth.uid()') is null then
    return null;
  end if;
  return auth.uid()::text;
exception when others then
  return null;  -- a subject that is no UUID must not break the write
end
$$;
comment on function bridge.actor() is 'The user''s id by Supabase''s auth.uid(); null if there is none.';

create or replace function bridge.has_claims() returns boolean
language sql volatile
return coalesce(current_setting('request.jwt.claims', true), current_setting('request.jwt.claim.sub', true), '') <> '';
comment on function bridge.has_claims() is
  'Whether the session writes for a user of the REST API: only then is there an actor to ask for.';

create or replace function bridge.head(webhook_name text, actor text) returns text
language sql volatile
return '{"type": ' || to_json(webhook_name)
  || ', "timestamp": "' || bridge.json_timestamp(clock_timestamp())
  || '", "transaction": {"id": "' || pg_current_xact_id()
  || '", "actor": ' || coalesce(to_json(actor)::text, 'null')
  || ', "role": ' || to_json(coalesce(nullif(current_setting('role'), 'none'), session_user))
  || '}, "data": ';
comment on function bridge.head(text, text) is
  'A message up to its data, as JSON. Its transaction: {"id", "actor": the user''s id or null, "role"}. Becomes a part of what calls it.';

create or replace function bridge.session_head(webhook_name text) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  actor text;
begin
  if bridge.has_claims() then
    actor := bridge.actor();
  end if;
  return bridge.head(webhook_name, actor);
end
$$;
comment on function bridge.session_head(text) is 'The head of a message of this session.';

create or replace function bridge.envelope(webhook_name text, data jsonb) returns jsonb
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select (bridge.session_head(webhook_name) || coalesce(data, '[]') || '}')::jsonb
$$;
comment on function bridge.envelope(text, jsonb) is 'A message of this session with these events.';

create or replace function bridge.now_ms() returns bigint
language sql volatile
return (extract(epoch from clock_timestamp()) * 1000)::bigint;
comment on function bridge.now_ms() is 'The clock, in milliseconds since 1970.';

create or replace function bridge.is_recent(moments regclass, milliseconds integer) returns boolean
language sql volatile
-- abs(x - y) <= y is 0 <= x <= 2y, with x looked up once.
return coalesce(
  abs(bridge.now_ms() - pg_sequence_last_value(moments) - milliseconds / 2) <= milliseconds / 2, false);
comment on function bridge.is_recent(regclass, integer) is
  'Whether the moment that a sequence holds was so many milliseconds ago at most. A moment to come, of a clock that was set back, is none.';

create or replace function bridge.stay_awake(milliseconds integer) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select setval('bridge.awake_until', bridge.now_ms() + milliseconds)
$$;
comment on function bridge.stay_awake(integer) is
  'Redelivery promises to look for messages that long: meanwhile writers neither post nor ring.';

create or replace function bridge.is_awake() returns boolean
language sql volatile
return coalesce(
  abs(pg_sequence_last_value('bridge.awake_until'::regclass) - bridge.now_ms() - 5000) < 5000, false);
comment on function bridge.is_awake() is 'Whether redelivery looks for messages by itself just now.';

create or replace function bridge.fall_asleep() returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  perform setval('bridge.awake_until', bridge.now_ms());
  -- Whoever wrote a message before this line, and has not committed, has not rung.
  return not exists (
    select from pg_locks
    where locktype = 'relation' and relation = 'bridge.message'::regclass
      and database = (select oid from pg_database where datname = current_database())
      and mode = 'RowExclusiveLock' and pid is distinct from pg_backend_pid());
end
$$;
comment on function bridge.fall_asleep() is
  'Redelivery takes its promise back: from here on writers post and ring. False while others may be about to commit messages that they relied on it for: look again.';

create or replace function bridge.is_spared() returns boolean
language sql volatile
return bridge.is_recent('bridge.pg_net_late'::regclass, 300000);
comment on function bridge.is_spared() is
  'Whether pg_net did not send what it was handed: for five minutes, or until it has rung, it gets no messages, and a ring a minute.';

create or replace function bridge.heard_ring() returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select setval('bridge.pg_net_late', 1) where bridge.is_spared()
$$;
comment on function bridge.heard_ring() is 'Redelivery was rung for: pg_net sends.';

create or replace function bridge.ring(webhook_url text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  signed_at bigint := floor(extract(epoch from clock_timestamp()));
  secret text;
  message_id text;
  body jsonb;
begin
  if bridge.is_awake()
    or bridge.is_recent('bridge.last_ring', case when bridge.is_spared() then 60000 else 1000 end)
  then
    return;
  end if;
  -- Before it is tried: what fails now would fail again with the next statement.
  perform setval('bridge.last_ring', bridge.now_ms()), setval('bridge.last_post', bridge.now_ms());
  secret := bridge.signing_secret(null);
  if secret is null then
    return;
  end if;
  message_id := bridge.new_message_id()::text;
  body := bridge.envelope('bridge.ring', format('[{"id": "%s:0", "operation": "RING"}]', message_id)::jsonb);
  perform bridge.remember_post(
    bridge.post(webhook_url || '/webhooks/bridge.ring', message_id, body, body::text, secret, signed_at),
    message_id, '{}', signed_at);
end
$$;
comment on function bridge.ring(text) is
  'Asks for redelivery at once, at most once a second, unless it is awake.';

create or replace function bridge.ring_for(webhook_name text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  installation bridge.installation;
begin
  if (select bridge.is_ready(w) from bridge.webhook as w where w.name = webhook_name) then
    -- As in bridge.dispatch.
    perform set_config('lock_timeout', '200ms', true);
    select * into strict installation from bridge.installation;
    perform bridge.ring(installation.webhook_url);
  end if;
end
$$;
comment on function bridge.ring_for(text) is
  'Rings for a webhook whose message was left to redelivery, which has fallen asleep since.';

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
) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  -- As pg_net sends it and SQS gets it.
  sent text := body::text;
  size integer := octet_length(sent);
  events jsonb;
  keys text[];
begin
  if size <= 200000 then
    if cardinality(addresses) > 1 or addresses[1].url is not null then
      if size <= 60000 then
        perform bridge.post_to(addresses, put.message_id::text, put.body, sent);
      else
        addresses := bridge.unposted(webhook);
        perform bridge.ring_for(webhook.name);
      end if;
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
    return;
  end if;

  events := body -> 'data';
  if jsonb_array_length(events) > 1 then
    perform bridge.put_halves(webhook, relation, body, addresses, grace);
    return;
  end if;
  -- By its oid: the table may have another name by now.
  keys := bridge.key_columns(relation);
  if keys <> '{}' then
    perform bridge.put(
      message_id, webhook, relation,
      jsonb_set(body, '{data}', jsonb_build_array(bridge.thin(events -> 0, keys))),
      addresses, grace);
    return;
  end if;
  perform bridge.put_dead(message_id, webhook, body, format(
    'the event holds %s bytes, 200000 may be sent, and its table has no primary key to send instead', size));
end
$$;
comment on function bridge.put(uuid, bridge.webhook, oid, jsonb, bridge.address[], interval) is
  'Writes a message to the outbox, and posts it where an address has a url; but beyond 60 kB rings for redelivery: pg_net stalls on bodies of 64 kB and more until they time out (supabase/pg_net issue 225). At most 200 kB each: larger ones are split, a larger event is thinned.';

create or replace function bridge.post_to(addresses bridge.address[], message_id text, body jsonb, sent text)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  signed_at bigint := floor(extract(epoch from clock_timestamp()));
  address bridge.address;
begin
  foreach address in array addresses loop
    if address.url is not null then
      perform bridge.remember_post(
        bridge.post(address.url, message_id, body, sent, address.secret, signed_at),
        message_id, address.targets, signed_at);
    end if;
  end loop;
end
$$;
comment on function bridge.post_to(bridge.address[], text, jsonb, text) is
  'Hands a message to pg_net, once for each address that has a url.';

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
      addresses, grace);
  end loop;
end
$$;
comment on function bridge.put_halves(bridge.webhook, oid, jsonb, bridge.address[], interval) is
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
  addresses bridge.address[];
  was_awake boolean := bridge.is_awake();
  ringing boolean := false;
  message_id uuid;
  next_id uuid;
  events text;
  next_events text;
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
  head := bridge.session_head(webhook_name);
  fetch messages into next_id, next_events;

  if posting and not was_awake then
    -- Somebody may hold a lock on pg_net's tables (truncate, an update of the extension): the outbox is enough then.
    perform set_config('lock_timeout', '200ms', true);
    select * into strict installation from bridge.installation;
    ringing := bridge.is_ready(webhook);
    -- pg_net sends the first request after a rest at once, and gathers what follows for up to a second: that is
    -- redelivery's, which is faster then. A second's first message is posted; for what comes after it, it is rung.
    if next_id is null and not bridge.is_recent('bridge.last_post', 1000) and not bridge.is_spared() then
      perform setval('bridge.last_post', bridge.now_ms());
      addresses := bridge.addresses(webhook, installation.webhook_url);
      ringing := (select bool_or(at_once) from unnest(addresses));
    end if;
  end if;
  addresses := coalesce(addresses, bridge.unposted(webhook));

  while message_id is not null loop
    perform bridge.put(
      message_id, webhook, relation, (head || events || '}')::jsonb, addresses, installation.fast_path_grace);
    message_id := next_id;
    events := next_events;
    if message_id is not null then
      fetch messages into next_id, next_events;
    end if;
  end loop;
  -- It fell asleep before it could see that a message is being written.
  if posting and was_awake and not bridge.is_awake() then
    perform bridge.ring_for(webhook_name);
  elsif ringing then
    perform bridge.ring(installation.webhook_url);
  end if;
end
$$;
comment on function bridge.dispatch(text, oid, refcursor, boolean) is
  'Writes a statement''s messages, read from a cursor over (message id, array of events). While redelivery is not awake, posts what is one message after a quiet second, and rings for the rest.';

create or replace function bridge.put_events(webhook_name text, relation oid, events jsonb[], failure text default null)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  webhook bridge.webhook;
  message_id uuid := bridge.new_message_id();
  body jsonb;
begin
  if events = '{}' then
    return;
  end if;
  body := bridge.envelope(webhook_name, bridge.numbered(message_id, events));
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
