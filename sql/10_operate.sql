-- For whoever operates it, from Supabase Studio's SQL editor.

create or replace function bridge.ping(target_name text default null) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  message_id text := bridge.new_message_id()::text;
  signed_at bigint := floor(extract(epoch from clock_timestamp()));
  url text := (
    select replace(t.url, '{webhook}', 'bridge.ping') from bridge.target as t
    where t.name = target_name and t.kind = 'http');
  secret text := bridge.signing_secret(target_name);
  body jsonb := bridge.envelope('bridge.ping', '[]');
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
  request_id := bridge.post(url, message_id, body, body::text, secret, signed_at);
  perform bridge.remember_post(
    request_id, message_id, case when target_name is null then '{}' else array[target_name] end, signed_at, ping => true);
  return request_id;
end
$$;
comment on function bridge.ping(text) is
  'Sends a signed message without events to the API, or to an http target. Returns a request id: ask bridge.ping_answer(id) a moment later what came back.';

create or replace function bridge.ping_answer(request_id bigint) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  answer jsonb;
  target_names text[];
begin
  select
    jsonb_build_object(
      'status', r.status_code, 'timed_out', r.timed_out, 'error', bridge.legible(r.error_msg),
      'body', bridge.legible(r.content), 'receipt', r.receipt),
    r.targets
  into answer, target_names
  from (
    select r.status_code, r.timed_out, r.error_msg, r.content, p.targets, bridge.holds_receipt(
        r.content, p.message_id::text, p.signed_at, 'accepted', p.targets[1]) as receipt
    from net._http_response as r left join bridge.posted as p on p.request_id = r.id and p.ping
    where r.id = ping_answer.request_id) as r
  -- Anybody may have written another.
  order by r.receipt desc limit 1;
  if (answer ->> 'status')::integer between 200 and 299 then
    perform bridge.note_receipts(target_names, (answer ->> 'receipt')::boolean);
  end if;
  return answer;
end
$$;
comment on function bridge.ping_answer(bigint) is
  'What came back for bridge.ping(); null while nothing has. receipt: whether the answer proves that it is the receiver''s, within the grace of the fast path.';

create or replace view bridge.dead_letter as
  select id as message_id, webhook, target, created_at, attempts, last_error, tried, body -> 'data' as events
  from bridge.message where state = 'dead';
comment on view bridge.dead_letter is 'Messages that were given up or could never be sent. See bridge.replay.';
comment on column bridge.dead_letter.message_id is 'The webhook-id, for bridge.replay(message => …).';
comment on column bridge.dead_letter.webhook is 'Whose change it is.';
comment on column bridge.dead_letter.target is 'Which target did not get it; others may have.';
comment on column bridge.dead_letter.created_at is 'When the change was made.';
comment on column bridge.dead_letter.attempts is 'Attempts that failed.';
comment on column bridge.dead_letter.last_error is 'Why it was given up: what the last attempt was answered, or why none can be made.';
comment on column bridge.dead_letter.tried is
  'Each attempt, oldest first: {"at", "by": "pg_net" or "redeliver", "answer"}.';
comment on column bridge.dead_letter.events is 'The changed rows.';

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
