-- What becomes of a message by one attempt: delivered, tried again by the schedule, or dead; and of its target.

create or replace function bridge.retry_after(failed_attempts integer) returns interval
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  -- The schedule that the Standard Webhooks specification suggests. Null: give up.
  select (array['5 s', '5 min', '30 min', '2 h', '5 h', '10 h', '14 h', '20 h', '24 h']::interval[])[failed_attempts]
$$;
comment on function bridge.retry_after(integer) is 'How long to wait after so many failed attempts; null once all are used.';

create or replace function bridge.fail(
  message_id uuid, target_name text, error text, not_before interval default '0'
) returns text
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  with failing as (
    update bridge.target as t
    set failed_at = clock_timestamp(), failing_since = f.since,
      paused_at = case when f.since < clock_timestamp() - f.pause_after then clock_timestamp() end,
      paused_because = case when f.since < clock_timestamp() - f.pause_after then
        'failing since ' || to_char(f.since at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"') || ': ' || error end
    from (
      -- Longer than the longest wait for an attempt, nothing was tried: what failed before says nothing of now.
      select name, i.pause_after, case
          when failed_at > clock_timestamp() - interval '27 hours' then coalesce(failing_since, clock_timestamp())
          else clock_timestamp() end as since
      from bridge.target cross join bridge.installation as i
      where name = target_name and paused_at is null
      -- Whoever has the row is recording the same; to wait for it could be to wait for each other.
      for update of target skip locked) as f
    where t.name = f.name)
  update bridge.message
  set tried = tried || jsonb_build_object(
      'at', bridge.json_timestamp(clock_timestamp()), 'by', 'redeliver', 'answer', error),
    attempts = attempts + 1,
    last_error = error,
    state = case when bridge.retry_after(attempts + 1) is null then 'dead' else 'pending' end,
    due_at = clock_timestamp() + greatest(
      -- Up to a tenth later, so that what failed together is not tried again together.
      coalesce(bridge.retry_after(attempts + 1) * (1 + random() / 10), '0'), not_before)
  where id = message_id and target = target_name and state = 'pending'
  returning state
$$;
comment on function bridge.fail(uuid, text, text, interval) is
  'Records a failed attempt of redelivery: the message is due again by the schedule, and not before what its target asked for, or dead after it; a target that keeps failing is paused. Returns the message''s state.';

-- Plans of this function, of those below and of those of 07_delivery.sql are kept by the pooler's connections. They
-- are made while the outbox is empty, when reading all of it looks cheap, and serve when it is large; and compiling
-- them would take longer than they run.
create or replace function bridge.lock_messages(message_ids uuid[], target_names text[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
begin
  perform from bridge.message as m
  join unnest(message_ids, target_names) as d (id, target) on m.id = d.id and m.target = d.target
  order by m.id, m.target for update of m;
end
$$;
comment on function bridge.lock_messages(uuid[], text[]) is
  'Locks messages in one order, whatever becomes of each: of two that record the same ones, one waits for the other, never both.';

create or replace function bridge.complete(message_ids uuid[], target_names text[]) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
  completed integer;
begin
  with completed as (
    update bridge.message as m set state = 'delivered', delivered_at = clock_timestamp()
    from unnest(message_ids, target_names) as d (id, target)
    -- Given up meanwhile, it is delivered all the same.
    where m.id = d.id and m.target = d.target and m.state <> 'delivered'
    returning m.webhook, m.target),
  noted as (
    update bridge.last_delivery as l set at = clock_timestamp()
    from (
      select webhook, target from bridge.last_delivery
      -- Not with each batch: a row that all runs write to would hold them up.
      where (webhook, target) in (select webhook, target from completed)
        and (at is null or at < clock_timestamp() - interval '10 seconds')
      for update skip locked) as n
    where l.webhook = n.webhook and l.target = n.target),
  recovered as (
    update bridge.target set failures = 0, held_until = '-infinity', failing_since = null
    where name in (
      select name from bridge.target
      where (failures > 0 or failing_since is not null) and name in (select target from completed)
      for update skip locked))
  select count(*) into completed from completed;
  return completed;
end
$$;
comment on function bridge.complete(uuid[], text[]) is
  'Marks messages delivered, each to the target beside it. Returns how many were not until now.';

create or replace function bridge.release(message_ids uuid[], target_names text[]) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  update bridge.message as m set due_at = clock_timestamp()
  from unnest(message_ids, target_names) as d (id, target)
  where m.id = d.id and m.target = d.target and m.state = 'pending'
$$;
comment on function bridge.release(uuid[], text[]) is 'Ends the lease of messages that were not attempted after all.';

create or replace function bridge.refuse(
  message_id uuid, target_name text, error text, status integer, not_before interval default '0'
) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  -- Standard Webhooks: 410 says that the receiver wants no more; these, and silence, that it is to be spared.
  if status = 410 then
    perform bridge.pause(name, error)
    from (
      select name from bridge.target
      where name = target_name and kind = 'http' and paused_at is null for update skip locked) as t;
  elsif status is null or status in (429, 502, 503, 504) then
    perform bridge.hold(target_name, not_before);
  end if;
  return bridge.fail(message_id, target_name, error, not_before);
end
$$;
comment on function bridge.refuse(uuid, text, text, integer, interval) is
  'Records what an attempt of redelivery was answered with, or null for no answer: the message fails, and the target is held or paused where the answer says so. Returns the message''s state.';

create or replace function bridge.take_over(
  message_ids uuid[], target_names text[], answers text[]
) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
  taken_over integer;
begin
  update bridge.message as m
  set tried = tried || jsonb_build_object(
      'at', bridge.json_timestamp(clock_timestamp()), 'by', 'pg_net', 'answer', t.answer),
    last_error = t.answer,
    due_at = clock_timestamp()
  from unnest(message_ids, target_names, answers) as t (id, target, answer)
  -- What is parked, or waits for an attempt of redelivery's, waits on.
  where m.id = t.id and m.target = t.target and m.state = 'pending' and m.attempts = 0 and m.due_at < 'infinity';
  get diagnostics taken_over = row_count;
  return taken_over;
end
$$;
comment on function bridge.take_over(uuid[], text[], text[]) is
  'Makes messages due that pg_net did not deliver, and notes why. That is all that pg_net''s answers can do to them: anybody may have written these, so they use up no attempt, and neither hold nor pause a target. Returns how many deliveries.';

create or replace function bridge.note_receipts(target_names text[], given boolean) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  update bridge.target set gives_receipts = given
  where name in (
    select name from bridge.target
    where name = any (target_names) and kind = 'http' and gives_receipts is distinct from given
    for update skip locked)
$$;
comment on function bridge.note_receipts(text[], boolean) is
  'Notes whether http targets prove what they accept, which decides whether pg_net may post to them.';
