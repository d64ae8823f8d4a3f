-- What happens to a message after its transaction: settled by pg_net's answer, or claimed and delivered by the
-- redeliver function over the pooled connection.

create or replace function bridge.settle(max_messages integer) returns table (delivered integer, failed integer)
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
  accepted_ids uuid[];
  accepted_targets text[];
  refusals jsonb;
  slow text[];
begin
  with answered as materialized (
    select p.request_id, p.message_id, p.targets, r.status_code, coalesce(r.timed_out, false) as timed_out,
      -- The receiver repeats the id. Without it the answer is another's: of a page that a redirect led to, or of a
      -- request with the same number after pg_net was created anew.
      coalesce(r.status_code between 200 and 299 and position(p.message_id::text in r.content) > 0, false) as accepted,
      -- The API names the queues that it has reached: in the middle of a deployment it may not know the same ones.
      substring(r.content from '"targets":\s*(\[[^]]*\])') as reached,
      case
        when r.status_code between 200 and 299 and position(p.message_id::text in r.content) > 0 then
          format('HTTP %s, but the API does not know this queue', r.status_code)
        when r.status_code between 200 and 299 then
          format('HTTP %s, but not from the receiver: the answer does not repeat the webhook-id', r.status_code)
        when r.status_code is not null then format('HTTP %s', r.status_code)
        when r.timed_out then 'timed out'
        else coalesce(r.error_msg, 'no answer')
      end as answer,
      (select substring(value from '^\d{1,5}$')::integer
        from jsonb_each_text(r.headers) where lower(key) = 'retry-after' limit 1) as retry_after
    from bridge.posted as p
    join net._http_response as r on r.id = p.request_id
    -- pg_net keeps six hours of answers, indexed by when they came: only those that can be ours are looked at.
    where r.created >= (select min(posted_at) from bridge.posted where targets <> '{}') - interval '1 minute'
      and p.targets <> '{}'
    order by p.request_id
    limit max_messages
    for update of p skip locked),
  settled as (
    delete from bridge.posted as p using answered as a where p.request_id = a.request_id),
  judged as (
    select a.*, name,
      a.accepted and case
        when t.kind = 'http' then true
        -- One that was undeclared meanwhile: an address names no queues.
        when t.kind is null and a.reached is null then true
        else coalesce(position('"' || name || '"' in a.reached) > 0, false)
      end as delivered
    from answered as a
    cross join lateral unnest(a.targets) as name
    left join bridge.target as t using (name)),
  locked as materialized (
    select bridge.lock_messages(array_agg(message_id), array_agg(name)) from judged)
  select
    array_agg(j.message_id) filter (where j.delivered),
    array_agg(j.name) filter (where j.delivered),
    jsonb_agg(jsonb_build_object(
      'id', j.message_id, 'target', j.name, 'answer', j.answer, 'status', j.status_code, 'seconds', j.retry_after))
      filter (where not j.delivered),
    array_agg(distinct j.name) filter (where j.timed_out)
  into accepted_ids, accepted_targets, refusals, slow
  from judged as j, locked;

  delivered := bridge.complete(coalesce(accepted_ids, '{}'), coalesce(accepted_targets, '{}'));
  select count(bridge.refuse(r.id, r.target, r.answer, r.status, make_interval(secs => coalesce(r.seconds, 0)), 'pg_net'))
  into failed
  from jsonb_to_recordset(refusals) as r (id uuid, target text, answer text, status integer, seconds integer);
  update bridge.target set slow_until = clock_timestamp() + interval '10 minutes'
  where name in (select name from bridge.target where kind = 'http' and name = any (slow) for update skip locked);
  return next;
end
$$;
comment on function bridge.settle(integer) is
  'Takes over pg_net''s answers: 2xx from the receiver is delivered, anything else a failed attempt. Returns how many deliveries of each.';

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
    returning 1),
  requests as (
    -- Never answered: pg_net lost them, and redelivery has had them since.
    delete from bridge.posted where posted_at < clock_timestamp() - interval '1 hour' returning 1)
  select (select count(*) from messages)::integer + (select count(*) from events)::integer
    + (select count(*) from requests)::integer
$$;
comment on function bridge.prune(integer) is
  'Deletes delivered messages past retention and processed event ids 18 days later, at most max_rows of each. Returns how many rows went.';
