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
