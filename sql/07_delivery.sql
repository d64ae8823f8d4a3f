-- What happens to a message after its transaction: settled by pg_net's answer, or claimed and delivered by the
-- redeliver function over the pooled connection.

create or replace function bridge.bytes(content text) returns bytea
language sql stable set search_path = pg_catalog, pg_temp
-- Its bytes as they are, whatever the client's encoding.
set client_encoding = 'UTF8'
as $$
  select case when octet_length(content) <= 16384 then textsend(content) end
$$;
comment on function bridge.bytes(text) is
  'The bytes of a text of pg_net''s, which stores what it was sent: of any length, and valid in no encoding. Null beyond 16384 bytes, of which none are read.';

create or replace function bridge.legible(content text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  bytes bytea := bridge.bytes(content);
begin
  if content is not null and bytes is null then
    return format('(%s bytes)', octet_length(content));
  end if;
  return left(convert_from(bytes, 'UTF8'), 500);
exception when others then
  return encode(substring(bytes for 500), 'escape');
end
$$;
comment on function bridge.legible(text) is
  'The beginning of a text of pg_net''s for people: bytes that are not UTF-8 as octal numbers; of what is too long, only how long it is.';

create or replace function bridge.holds_receipt(
  content text, message_id text, signed_at bigint, accepted text, target_name text
) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select bool_or(position(receipt in bytes) > 0)
    from bridge.bytes(content) as bytes, bridge.receipts(message_id, signed_at, accepted, target_name) as receipt), false)
$$;
comment on function bridge.holds_receipt(text, text, bigint, text, text) is
  'Whether an answer holds the receipt of whoever has the target''s signing secret; the API''s, for null.';

create or replace function bridge.settle(max_messages integer) returns table (delivered integer, failed integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
-- Any role may lock pg_net's tables; what it was answered can wait.
set lock_timeout = '3 s'
as $$
declare
  accepted_ids uuid[];
  accepted_targets text[];
  refused_ids uuid[];
  refused_targets text[];
  answers text[];
  without_receipt text[];
begin
  if to_regclass('net._http_response') is null then
    delivered := 0;
    failed := 0;
    return next;
    return;
  end if;
  with answered as materialized (
    select p.request_id, p.message_id, p.targets, p.signed_at, r.status_code, r.content, r.timed_out, r.error_msg
    from bridge.posted as p
    join net._http_response as r on r.id = p.request_id
    -- pg_net keeps six hours of answers, indexed by when they came: only those that can be ours are looked at.
    where r.created >= (select min(posted_at) from bridge.posted where not ping) - interval '1 minute'
      and not p.ping
    order by p.request_id
    limit max_messages
    for update of p skip locked),
  settled as (
    delete from bridge.posted as p using answered as a where p.request_id = a.request_id),
  -- Two answers to one request are one too many, not one of them pg_net's.
  judged as (
    select a.message_id, name as target, t.kind, bool_or(v.delivered) as delivered, max(v.answer) as answer
    from answered as a
    cross join lateral unnest(a.targets) as name
    left join bridge.target as t using (name)
    cross join lateral (
      select
        a.status_code between 200 and 299 and bridge.holds_receipt(
          a.content, a.message_id::text, a.signed_at,
          case when t.kind = 'http' then 'accepted' else 'accepted ' || name end,
          case when t.kind = 'http' then name end) as delivered,
        case
          when a.status_code between 200 and 299 then format('HTTP %s without a receipt', a.status_code)
          when a.status_code is not null then format('HTTP %s', a.status_code)
          when a.timed_out then 'timed out'
          else coalesce(bridge.legible(a.error_msg), 'no answer')
        end as answer) as v
    group by a.message_id, name, t.kind),
  locked as materialized (
    select bridge.lock_messages(array_agg(message_id), array_agg(target)) from judged)
  select
    array_agg(j.message_id) filter (where j.delivered),
    array_agg(j.target) filter (where j.delivered),
    array_agg(j.message_id) filter (where j.delivered is not true),
    array_agg(j.target) filter (where j.delivered is not true),
    array_agg(j.answer) filter (where j.delivered is not true),
    array_agg(distinct j.target) filter (where j.delivered is not true and j.answer like '%without a receipt')
  into accepted_ids, accepted_targets, refused_ids, refused_targets, answers, without_receipt
  from judged as j, locked;

  delivered := bridge.complete(coalesce(accepted_ids, '{}'), coalesce(accepted_targets, '{}'));
  failed := bridge.take_over(coalesce(refused_ids, '{}'), coalesce(refused_targets, '{}'), coalesce(answers, '{}'));
  perform bridge.note_receipts(without_receipt, false);
  update bridge.target set slow_until = clock_timestamp() + interval '10 minutes'
  where name in (
    select name from bridge.target
    where kind = 'http' and name = any (refused_targets) for update skip locked);
  return next;
end
$$;
comment on function bridge.settle(integer) is
  'Takes over pg_net''s answers: 2xx with a receipt is delivered; anything else makes a message due, and leaves an http target to redelivery for ten minutes. Returns how many deliveries of each.';

create or replace function bridge.withdraw(max_requests integer) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
-- Any role may lock pg_net's tables.
set lock_timeout = '1 s'
as $$
declare
  overdue bigint[];
  messages text[];
  unsent integer;
begin
  with late as (
    delete from bridge.posted
    where request_id in (
      select request_id from bridge.posted
      where posted_at < clock_timestamp() - case
        when ping then '1 hour' else (select greatest(fast_path_grace, '10 s') from bridge.installation) end
      limit max_requests for update skip locked)
    returning request_id, message_id, ping)
  select
    array_agg(request_id) filter (where not ping), array_agg(message_id::text) filter (where not ping)
  into overdue, messages from late;
  if overdue is null then
    return 0;
  end if;
  begin
    -- Redelivery has them now. Sent hours later, they would be duplicates, or refused as too old. By their message too:
    -- pg_net that was created anew has given their numbers to others' requests.
    delete from net.http_request_queue where id in (
      select q.id
      from net.http_request_queue as q
      join unnest(overdue, messages) as o (id, message) on o.id = q.id and o.message = q.headers ->> 'webhook-id'
      for update of q skip locked);
    get diagnostics unsent = row_count;
  exception when others then
    raise notice 'requests that are late stay in pg_net''s queue: %', sqlerrm;
  end;
  -- What a transaction of more than the grace has posted leaves with its commit, and is answered a moment later.
  if unsent is distinct from 0 then
    perform setval('bridge.pg_net_late', bridge.now_ms());
  end if;
  return cardinality(overdue);
end
$$;
comment on function bridge.withdraw(integer) is
  'Takes back from pg_net what it has not answered within the grace; if any of it was not sent, spares pg_net for a while. Returns how many requests.';

create or replace function bridge.leading(target_name text, max_messages integer) returns uuid[]
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  -- A message that another has leased, or that waits for its next attempt, holds up what follows; one that is
  -- parked, only what follows of its webhook.
  select coalesce(array_agg(id), '{}')
  from (
    select id, webhook, bool_and(due_at <= statement_timestamp()) over (order by id) as leads
    from (
      select id, webhook, due_at from bridge.message
      where target = target_name and state = 'pending' and ordered and due_at < 'infinity'
      order by id limit max_messages) as oldest) as m
  where leads and not exists (
    select from bridge.message as parked
    where parked.webhook = m.webhook and parked.target = target_name and parked.id < m.id
      and parked.state = 'pending' and parked.due_at = 'infinity')
$$;
comment on function bridge.leading(text, integer) is
  'What can be delivered next to an ordered target: its oldest messages, as far as all before them are due.';

create or replace function bridge.reserve_ordered() returns text[]
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  with recursive waiting (target) as (
    select min(m.target) from bridge.message as m where m.state = 'pending' and m.ordered and m.due_at < 'infinity'
    union all
    select (
      select min(m.target) from bridge.message as m
      where m.state = 'pending' and m.ordered and m.due_at < 'infinity' and m.target > w.target)
    from waiting as w where w.target is not null)
  select coalesce(array_agg(target), '{}')
  from waiting
  where target is not null and pg_try_advisory_xact_lock(hashtextextended('bridge.claim ' || target, 0))
$$;
comment on function bridge.reserve_ordered() is
  'Reserves the targets for which messages wait in order, until the transaction ends; those that another has reserved are left out.';

create or replace function bridge.claim(
  max_messages integer, lease_seconds integer, target_kinds text[] default '{queue,http}'
) returns table (id uuid, webhook text, target text, body text, attempts integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
  -- Before the statement that leases, which then sees what the one before has leased.
  reserved text[] := bridge.reserve_ordered();
  paused text[] := array(select name from bridge.webhook where paused_at is not null);
begin
  return query
    -- From one target to the next in the index, however much is due for each. Those that are declared no more are
    -- among them: whoever delivers to queues says so.
    with recursive waiting (target) as (
      select min(m.target) from bridge.message as m where m.state = 'pending'
      union all
      select (select min(m.target) from bridge.message as m where m.state = 'pending' and m.target > w.target)
      from waiting as w where w.target is not null),
    deliverable as (
      -- Whether a target that failed is back is asked with one message.
      select w.target, case when t.failures > 0 then 1 else max_messages end as most
      from waiting as w left join bridge.target as t on t.name = w.target
      where coalesce(t.kind, 'queue') = any (target_kinds)
        and t.paused_at is null and coalesce(t.held_until, '-infinity') <= statement_timestamp()),
    due as (
      select m.id, m.target
      from deliverable as d
      cross join lateral (
        select m.*, row_number() over (order by m.due_at, m.id) as rank
        from (
          select *
          from (
            select id, target, due_at from bridge.message
            -- Not clock_timestamp(), which the index can't be searched for.
            where target = d.target and state = 'pending' and not ordered and due_at <= statement_timestamp()
            order by due_at limit d.most for update skip locked) as in_any_order
          union all
          select *
          from (
            select id, target, due_at from bridge.message
            where d.target = any (reserved) and id = any ((select bridge.leading(d.target, d.most))::uuid[])
              and target = d.target and state = 'pending' and due_at <= statement_timestamp()
            order by id for update) as in_order) as m) as m
      -- In turn: the backlog of one is not the others' concern.
      order by m.rank, m.due_at
      limit max_messages),
    leased as (
      update bridge.message as m
      set due_at = case
        -- What was under way when its webhook was paused.
        when m.webhook = any (paused) then 'infinity'
        else clock_timestamp() + make_interval(secs => lease_seconds) end
      from due
      where m.id = due.id and m.target = due.target
      returning m.id, m.webhook, m.target, m.body::text, m.attempts)
    select * from leased as l where l.webhook <> all (paused);
end
$$;
comment on function bridge.claim(integer, integer, text[]) is
  'Leases due messages, each target''s oldest first, to one deliverer; none of targets that are paused or held, or of webhooks that are paused. Those of a deliverer that died are due again after the lease.';

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
    delete from bridge.message
    where ctid = any (array(
      select ctid from bridge.message
      where state = 'delivered' and id < (select first_id from retained)
      order by id limit max_rows for update skip locked))
    returning 1),
  events as (
    -- By when they were processed: an event that came late may come again as long after.
    delete from bridge.processed_event
    where ctid = any (array(
      select ctid from bridge.processed_event
      where processed_at < (select forget_before from retained)
      limit max_rows for update skip locked))
    returning 1)
  select (select count(*) from messages)::integer + (select count(*) from events)::integer
$$;
comment on function bridge.prune(integer) is
  'Deletes delivered messages past retention and processed event ids 18 days later, at most max_rows of each. Returns how many rows went.';
