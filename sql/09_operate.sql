-- For whoever operates it, from Supabase Studio's SQL editor.

create or replace function bridge.ping(target_name text default null) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  message_id text := bridge.new_message_id()::text;
  url text := (
    select replace(t.url, '{webhook}', 'bridge.ping') from bridge.target as t
    where t.name = target_name and t.kind = 'http');
  secret text := bridge.signing_secret(target_name);
  body jsonb := bridge.envelope('bridge.ping') || '{"data": []}';
  request_id bigint;
begin
  if target_name is null then
    url := (select webhook_url || '/webhooks/bridge.ping' from bridge.installation);
  elsif url is null then
    raise exception using
      errcode = 'undefined_object',
      message = format('there is no http target "%s"', target_name),
      hint = 'bridge.target lists them; queues are reached through the API: select bridge.ping()';
  end if;
  if secret is null then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('Vault has no secret "%s"', bridge.secret_name(target_name)),
      hint = 'Deploy again: the deployment puts it there.';
  end if;
  request_id := bridge.post(url, message_id, body, body::text, secret);
  insert into bridge.posted (request_id, message_id, targets) values (request_id, message_id::uuid, '{}');
  return request_id;
end
$$;
comment on function bridge.ping(text) is
  'Sends a signed message without events to the API, or to an http target. Returns a request id: ask bridge.ping_answer(id) a moment later what came back.';

create or replace function bridge.ping_answer(request_id bigint) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'status', r.status_code, 'timed_out', r.timed_out, 'error', r.error_msg, 'body', left(r.content, 500),
    'repeats_id', coalesce(position(p.message_id::text in r.content) > 0, false))
  from net._http_response as r left join bridge.posted as p on p.request_id = r.id
  where r.id = ping_answer.request_id
$$;
comment on function bridge.ping_answer(bigint) is
  'What came back for bridge.ping(); null while nothing has. repeats_id: whether the webhook-id is in it, within the hour.';

create or replace view bridge.dead_letter as
  select id as message_id, webhook, target, created_at, attempts, last_error, tried, body -> 'data' as events
  from bridge.message where state = 'dead';
comment on view bridge.dead_letter is
  'Messages that were given up or could never be sent, why, and what was tried: when, by whom, with what answer.';

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
      and (webhook, target) not in (select webhook, target from declared))
  select
    w.webhook, w.target, w.enabled, w.max_per_minute,
    nullif(concat_ws('; ', t.paused_because, 'the webhook: ' || w.paused_because), '') as paused_because,
    t.failing_since,
    case when t.held_until > clock_timestamp() then t.held_until end as held_until,
    m.pending, m.oldest_pending, m.dead, m.last_error
  from followed as w
  left join bridge.target as t on t.name = w.target
  left join lateral (
    select
      count(*) filter (where state = 'pending') as pending,
      min(created_at) filter (where state = 'pending') as oldest_pending,
      count(*) filter (where state = 'dead') as dead,
      (array_agg(last_error order by id desc) filter (where last_error is not null))[1] as last_error
    from bridge.message
    where webhook = w.webhook and target = w.target and (state = 'pending' or state = 'dead')) as m on true;
comment on view bridge.status is
  'Per webhook and target: whether it is enabled, limited, paused, failing or held, what waits, since when, what was given up, and the latest error of these.';

create or replace function bridge.let_process(role_name regrole) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('grant usage on schema bridge to %s', role_name);
  execute format('grant select, insert on bridge.processed_event to %s', role_name);
end
$$;
comment on function bridge.let_process(regrole) is
  'Lets a role record processed events, as a receiver outside AWS needs that handles each event once.';
