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
