-- Webhooks that are paused, or may send only so much in a minute: their messages are parked (due at infinity), and let
-- through by redelivery.

create or replace function bridge.wake() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  perform bridge.ring(webhook_url) from bridge.installation;
exception when others then
  raise notice 'redelivery can''t be rung for (%); it comes by within a minute', sqlerrm;
end
$$;
comment on function bridge.wake() is 'Asks for redelivery at once, if that can be; else it comes by within a minute.';

create or replace function bridge.webhook_named(webhook_name text) returns bridge.webhook
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  known bridge.webhook;
begin
  select * into known from bridge.webhook where name = webhook_name;
  if not found then
    raise exception using
      errcode = 'undefined_object',
      message = format('there is no webhook "%s"', webhook_name),
      hint = format('Declared: %s.', coalesce((select string_agg(name, ', ' order by name) from bridge.webhook), 'none'));
  end if;
  return known;
end
$$;
comment on function bridge.webhook_named(text) is 'The webhook of that name. Raises an error that lists them if there is none.';

create or replace function bridge.park(webhook_name text default null, max_messages integer default null)
returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  parked integer;
begin
  -- Neither what is leased nor what waits for its next attempt: whoever claims that later parks it.
  with due as (
    select m.id, m.target
    from bridge.webhook as w
    cross join unnest(w.targets) as t
    cross join lateral (
      select id, target from bridge.message
      where target = t and webhook = w.name and state = 'pending' and due_at <= statement_timestamp()
      limit max_messages for update skip locked) as m
    where w.name = webhook_name or (webhook_name is null and w.paused_at is not null))
  update bridge.message as m set due_at = 'infinity' from due where m.id = due.id and m.target = due.target;
  get diagnostics parked = row_count;
  return parked;
end
$$;
comment on function bridge.park(text, integer) is
  'Parks the due messages of a webhook, or of all that are paused; at most so many of each target. Returns how many deliveries.';

create or replace function bridge.pause_webhook(webhook_name text, because text default 'by hand') returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  perform bridge.webhook_named(webhook_name);
  update bridge.webhook set paused_at = clock_timestamp(), paused_because = because
  where name = webhook_name and paused_at is null;
  if not found then
    return false;
  end if;
  perform bridge.park(webhook_name);
  return true;
end
$$;
comment on function bridge.pause_webhook(text, text) is
  'Lets a webhook''s messages collect, for all its targets, from the next statement on; what is in a queue already is still worked off. False if it was paused already.';

create or replace function bridge.resume_webhook(webhook_name text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  resumed boolean;
begin
  perform bridge.webhook_named(webhook_name);
  update bridge.webhook set paused_at = null, paused_because = null
  where name = webhook_name and paused_at is not null;
  resumed := found;
  perform bridge.wake();
  return resumed;
end
$$;
comment on function bridge.resume_webhook(text) is
  'Delivers what has collected while a webhook was paused, oldest first. False if it was not paused.';

create or replace function bridge.limit(webhook_name text, max_per_minute integer) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  perform bridge.webhook_named(webhook_name);
  if $2 not between 1 and 100000000 then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('%s events a minute is no limit', $2),
      hint = 'Give 1 to 100000000, or null for no limit. To stop a webhook: select bridge.pause_webhook(...).';
  end if;
  update bridge.webhook as w
  -- What the limit before had used up beyond now is forgiven.
  set max_per_minute = $2, admitted_until = least(admitted_until, clock_timestamp()) where w.name = webhook_name;
  if $2 is not null then
    perform bridge.park(webhook_name);
  end if;
  perform bridge.wake();
end
$$;
comment on function bridge.limit(text, integer) is
  'Limits how many events of a webhook are delivered in a minute, those that wait already included; null: no limit. Holds until the declaration changes it.';

create or replace function bridge.admit_for(webhook_name text, max_messages integer) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  known bridge.webhook;
  at timestamptz := clock_timestamp();
  per_event double precision;
  free_from timestamptz;
  most integer := max_messages;
  -- In events. Null: no limit.
  budget double precision;
  used bigint;
  admitted integer;
begin
  -- Skipped: somebody is at it.
  select * into known from bridge.webhook where name = webhook_name for no key update skip locked;
  if known.paused_at is not null or (not found and exists (select from bridge.webhook where name = webhook_name)) then
    return 0;
  end if;
  if known.max_per_minute is not null then
    per_event := 60.0 / known.max_per_minute;
    -- What a minute had room for and didn't use is gone.
    free_from := greatest(known.admitted_until, at - interval '1 minute');
    budget := extract(epoch from at - free_from) / per_event;
    if budget < 1 then
      return 0;
    end if;
    most := least(max_messages, ceil(budget) * cardinality(known.targets));
  end if;

  with parked as (
    select id, target, jsonb_array_length(body -> 'data') as events
    from bridge.message
    where webhook = webhook_name and state = 'pending' and due_at = 'infinity'
    order by id limit most for update skip locked),
  -- However many targets it has, a message's events count once.
  counted as (
    select id, max(events) as events, sum(max(events)) over (order by id) - max(events) as before
    from parked group by id),
  let_through as (
    -- The last may exceed what is left: the next minute has so much less.
    select id, events from counted where budget is null or before < budget),
  moved as (
    update bridge.message as m set due_at = clock_timestamp()
    from parked as p join let_through using (id)
    where m.id = p.id and m.target = p.target
    returning 1)
  select (select count(*) from moved), (select sum(events) from let_through) into admitted, used;

  if budget is not null and used > 0 then
    update bridge.webhook set admitted_until = free_from + make_interval(secs => used * per_event) where name = webhook_name;
  end if;
  return admitted;
end
$$;
comment on function bridge.admit_for(text, integer) is
  'Makes a webhook''s parked messages due, oldest first, as its limit and its pause allow. Returns how many.';

create or replace function bridge.admit(max_messages integer) returns integer
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  -- From one webhook to the next in the index; those that are declared no more are among them, and unlimited.
  with recursive parked (webhook) as (
    select min(m.webhook) from bridge.message as m where m.state = 'pending' and m.due_at = 'infinity'
    union all
    select (
      select min(m.webhook) from bridge.message as m
      where m.state = 'pending' and m.due_at = 'infinity' and m.webhook > p.webhook)
    from parked as p where p.webhook is not null)
  select coalesce(sum(bridge.admit_for(webhook, max_messages)), 0)::integer from parked where webhook is not null
$$;
comment on function bridge.admit(integer) is
  'Makes parked messages due, at most so many of each webhook. Returns how many deliveries.';
