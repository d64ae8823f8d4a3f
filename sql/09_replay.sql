-- Delivering again what was delivered, and what was given up; and giving up by hand.

create or replace function bridge.unsendable(body jsonb) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select octet_length(body::text) > 200000 or body @? '$.data[*].row'
$$;
comment on function bridge.unsendable(jsonb) is
  'Whether a message is only there for a person to look at: too large, or with a row that could not be read.';

create or replace function bridge.outside_workers() returns setof text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  -- From one name to the next in the index.
  with recursive known (worker) as (
    select min(p.worker) from bridge.processed_event as p
    union all
    select (select min(p.worker) from bridge.processed_event as p where p.worker > k.worker)
    from known as k where k.worker is not null)
  select worker from known
  where worker is not null and worker not in (select name from bridge.target where kind = 'queue')
$$;
comment on function bridge.outside_workers() is 'The names by which receivers outside AWS record what they have processed.';

create or replace function bridge.forget_processed(message_ids uuid[], target_names text[]) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  delete from bridge.processed_event as p
  using (
    select distinct
      event ->> 'id' as event_id,
      case when t.kind = 'queue' then m.target else worker.name end as worker
    from unnest(message_ids, target_names) as chosen (id, target)
    join bridge.message as m using (id, target)
    join bridge.target as t on t.name = m.target
    -- What runs outside names itself.
    left join bridge.outside_workers() as worker (name) on t.kind = 'http'
    cross join jsonb_array_elements(m.body -> 'data') as event) as replayed
  where p.worker = replayed.worker and p.event_id = replayed.event_id
$$;
comment on function bridge.forget_processed(uuid[], text[]) is
  'Forgets that the events of messages were processed, each for the target beside it.';

create or replace function bridge.replay(
  message uuid default null, webhook text default null,
  since timestamptz default null, until timestamptz default null,
  target text default null, dead_only boolean default false, anew boolean default false
) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  ids uuid[];
  targets text[];
begin
  if message is null and webhook is null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = 'neither a message nor a webhook is given',
      hint = 'For example: select bridge.replay(webhook => ''invoice.paid'', since => now() - interval ''1 hour'').';
  end if;
  if target is not null and not exists (select from bridge.target as t where t.name = target) then
    raise exception using
      errcode = 'undefined_object',
      message = format('there is no target "%s"', target),
      hint = format('Declared: %s.', (select string_agg(t.name, ', ' order by t.name) from bridge.target as t));
  end if;

  with chosen as (
    select m.id, m.target
    from bridge.message as m join bridge.target as t on t.name = m.target
    where (replay.message is null or m.id = replay.message)
      and (replay.webhook is null or m.webhook = replay.webhook)
      and (replay.target is null or m.target = replay.target)
      and m.id >= coalesce(bridge.message_id_at(since), '00000000-0000-0000-0000-000000000000')
      and m.id < coalesce(bridge.message_id_at(until), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
      and (m.state = 'dead' or not dead_only)
      and not (m.state = 'dead' and bridge.unsendable(m.body))
    order by m.id, m.target for update of m),
  replayed as (
    update bridge.message as m
    set state = 'pending', attempts = 0, delivered_at = null,
      due_at = case
        when exists (
          select from bridge.webhook as w
          where w.name = m.webhook and (w.max_per_minute is not null or w.paused_at is not null)) then 'infinity'
        else clock_timestamp() end
    from chosen as c
    where m.id = c.id and m.target = c.target
    returning m.id, m.target)
  select coalesce(array_agg(r.id), '{}'), coalesce(array_agg(r.target), '{}') into ids, targets from replayed as r;

  if message is not null and ids = '{}' then
    raise exception using
      errcode = 'no_data_found',
      message = format('no message %s%s can be sent again', message, coalesce(format(' to "%s"', target), '')),
      hint = 'Delivered messages are kept for the stage''s retention; bridge.dead_letter tells those that can never be sent.';
  end if;
  if ids = '{}' then
    raise notice 'no message matches: delivered ones are kept for the stage''s retention, and targets that are declared no more get none';
  end if;
  if anew then
    perform bridge.forget_processed(ids, targets);
  end if;
  perform bridge.wake();
  return cardinality(ids);
end
$$;
comment on function bridge.replay(uuid, text, timestamptz, timestamptz, text, boolean, boolean) is
  'Delivers messages again: one, or a webhook''s, written from "since" on and before "until", to all their targets or one; dead_only: only those that were given up. Ids stay, so workers skip what they have processed; anew: they forget that first. Returns how many deliveries are due.';

create or replace function bridge.give_up(message uuid, target text default null, because text default 'by hand')
returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  given_up integer;
begin
  update bridge.message as m
  set state = 'dead', last_error = 'given up ' || because
  where m.id = message and (give_up.target is null or m.target = give_up.target) and m.state = 'pending';
  get diagnostics given_up = row_count;
  return given_up;
end
$$;
comment on function bridge.give_up(uuid, text, text) is
  'Makes a message that waits a dead letter, for all its targets or one; bridge.replay undoes it. Returns how many deliveries.';
