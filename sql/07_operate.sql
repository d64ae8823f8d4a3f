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
  return bridge.post(url, message_id, bridge.envelope('bridge.ping') || '{"data": []}', secret);
end
$$;
comment on function bridge.ping(text) is
  'Sends a signed message without events to the API, or to an http target. Returns a request id: ask bridge.ping_answer(id) a moment later what came back.';

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
  select
    w.name as webhook, d.target, w.enabled, t.paused_because,
    case when t.held_until > clock_timestamp() then t.held_until end as held_until,
    m.pending, m.oldest_pending, m.dead, m.last_error
  from bridge.webhook as w
  cross join lateral unnest(w.targets) as d (target)
  left join bridge.target as t on t.name = d.target
  left join lateral (
    select
      count(*) filter (where state = 'pending') as pending,
      min(created_at) filter (where state = 'pending') as oldest_pending,
      count(*) filter (where state = 'dead') as dead,
      (array_agg(last_error order by id desc) filter (where last_error is not null))[1] as last_error
    from bridge.message
    where webhook = w.name and target = d.target and (state = 'pending' or state = 'dead')) as m on true;
comment on view bridge.status is
  'Per webhook and target: whether it is enabled, paused or held, what waits, since when, what was given up, and the latest error of these.';

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
