-- Where messages go: which of the declared targets can be posted to now, and which are held or paused.

create or replace function bridge.unposted(
  webhook bridge.webhook, target_names text[] default null, at_once boolean default false
) returns bridge.address[]
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from bridge.target where ordered) then
    return array[(coalesce(target_names, webhook.targets), null, null, at_once, false)::bridge.address];
  end if;
  return (
    select array_agg((targets, null, null, unposted.at_once, ordered)::bridge.address)
    from (
      select array_agg(name) as targets, coalesce(t.ordered, false) as ordered
      from unnest(coalesce(target_names, webhook.targets)) as declared (name) left join bridge.target as t using (name)
      group by coalesce(t.ordered, false)) as addressed);
end
$$;
comment on function bridge.unposted(bridge.webhook, text[], boolean) is
  'Where a webhook''s messages go when all is left to redelivery, to all its targets or some: no place yet.';

create or replace function bridge.addresses(webhook bridge.webhook, webhook_url text) returns bridge.address[]
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  if webhook.paused_at is not null or webhook.max_per_minute is not null then
    return bridge.unposted(
      webhook, at_once => webhook.paused_at is null and webhook.admitted_until < clock_timestamp());
  end if;
  return (
    select array_agg((
      targets,
      case when secret is not null then url end,
      case when url is not null then secret end,
      at_once or (url is not null and secret is null), ordered)::bridge.address)
    from (
      select
        array_agg(name) as targets, bool_or(ordered) as ordered,
        case
          -- pg_net sends side by side: order takes redelivery.
          when bool_or(ordered) then null
          -- One request to the API reaches all queues: a paused one must get nothing, so then there is none.
          when min(kind) = 'queue' and not bool_or(paused) then webhook_url || '/webhooks/' || webhook.name
          when min(kind) = 'http' and bool_and(fast and ready) then replace(min(url), '{webhook}', webhook.name)
        end as url,
        case
          when bool_or(ordered) then bool_or(ready)
          when min(kind) = 'queue' then bool_or(paused) and not bool_and(paused)
          else min(kind) = 'http' and bool_and(ready and not fast)
        end as at_once,
        case when min(kind) = 'http' then min(name) end as signed_for
      from (
        select
          name, kind, url, coalesce(ordered, false) as ordered, paused_at is not null as paused,
          -- One failure is forgotten with the hold that followed; after more, redelivery tries first.
          paused_at is null and failures <= 2 and held_until <= clock_timestamp() as ready,
          fast_path and gives_receipts and slow_until <= clock_timestamp() as fast
        from unnest(webhook.targets) as declared (name) left join bridge.target using (name)) as target
      group by case when ordered then '(ordered)' when kind = 'queue' then '(queue)' else name end) as address
    cross join lateral (
      select case when url is not null then bridge.signing_secret(signed_for) end as secret
      -- Not looked up once for each mention.
      offset 0) as signing);
end
$$;
comment on function bridge.addresses(bridge.webhook, text) is
  'Where a webhook''s messages go now: one address for all queues, which one request to the API reaches, and one for each http target.';

create or replace function bridge.is_ready(webhook bridge.webhook) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  select webhook.paused_at is null
    and (webhook.max_per_minute is null or webhook.admitted_until < clock_timestamp())
    and exists (
      select from bridge.target
      where name = any (webhook.targets) and paused_at is null and held_until <= clock_timestamp())
$$;
comment on function bridge.is_ready(bridge.webhook) is
  'Whether redelivery could deliver a webhook''s messages now: neither it nor each of its targets is paused, held or at its limit.';

create or replace function bridge.hold(target_name text, not_before interval default '0') returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  -- What failed together counts once.
  update bridge.target
  set failures = failures + 1,
    held_until = clock_timestamp()
      + greatest(least(interval '5 s' * power(2, least(failures, 10)), '5 min'), not_before)
  where name = (
    -- Whoever has the row is recording the same; to wait for it could be to wait for each other.
    select name from bridge.target
    where name = target_name and kind = 'http' and held_until <= clock_timestamp()
    for update skip locked)
$$;
comment on function bridge.hold(text, interval) is
  'Leaves an http target in peace that is out of reach or asks for time: 5 s, doubled up to 5 min, and as long as it asked for.';

create or replace function bridge.pause(target_name text, because text default 'by hand') returns boolean
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  update bridge.target set paused_at = clock_timestamp(), paused_because = because
  where name = target_name and paused_at is null
  returning true
$$;
comment on function bridge.pause(text, text) is
  'Lets a target''s messages collect, from the next statement on; what is in a queue already is still worked off. True, or null if there is nothing to pause.';

create or replace function bridge.resume(target_name text) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  with waiting as (
    select id, target from bridge.message
    where target = target_name and state = 'pending' and due_at < 'infinity' and due_at > clock_timestamp()
    -- As whoever records what became of messages locks them.
    order by id, target for update)
  update bridge.message as m set due_at = clock_timestamp()
  from waiting as w where m.id = w.id and m.target = w.target;
  update bridge.target
  set paused_at = null, paused_because = null, failing_since = null, failures = 0, held_until = '-infinity', slow_until = '-infinity'
  where name = target_name
  returning true
$$;
comment on function bridge.resume(text) is
  'Delivers to a target that is paused or held: what has collected, at the next redelivery. True, or null if there is no such target.';

create or replace function bridge.paused_itself(target bridge.target) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select target.paused_because like 'HTTP 410%' or target.paused_because like 'failing since %'
$$;
comment on function bridge.paused_itself(bridge.target) is 'Whether its answers, not a person, have paused a target.';

create or replace function bridge.sync_targets(declared jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  insert into bridge.target as present (name, kind, url, fast_path, ordered)
  select
    t ->> 'name', t ->> 'kind', t ->> 'url', coalesce((t ->> 'fast_path')::boolean, true),
    coalesce((t ->> 'ordered')::boolean, false)
  from jsonb_array_elements(declared) as t
  on conflict (name) do update set
    kind = excluded.kind, url = excluded.url, fast_path = excluded.fast_path, ordered = excluded.ordered,
    -- Another address is another receiver: what the old one answered says nothing of it. A pause by hand stays.
    failures = case when excluded.url is distinct from present.url then 0 else present.failures end,
    held_until = case when excluded.url is distinct from present.url then '-infinity' else present.held_until end,
    slow_until = case when excluded.url is distinct from present.url then '-infinity' else present.slow_until end,
    gives_receipts = present.gives_receipts and excluded.url is not distinct from present.url,
    failing_since = case when excluded.url is not distinct from present.url then present.failing_since end,
    paused_at = case
      when excluded.url is not distinct from present.url or not bridge.paused_itself(present) then present.paused_at end,
    paused_because = case
      when excluded.url is not distinct from present.url or not bridge.paused_itself(present) then present.paused_because end
  where (present.kind, present.url, present.fast_path, present.ordered)
    is distinct from (excluded.kind, excluded.url, excluded.fast_path, excluded.ordered);

  -- What waits keeps the order that is asked for now.
  update bridge.message as m set ordered = t.ordered
  from bridge.target as t
  where t.name = m.target and m.state = 'pending' and m.ordered <> t.ordered;

  delete from bridge.target where name not in (select t ->> 'name' from jsonb_array_elements(declared) as t);
  perform bridge.forget_signing_secrets(array(
    select bridge.secret_name(name) from bridge.target where kind = 'http'
    union all
    select bridge.secret_name(null)));
end
$$;
comment on function bridge.sync_targets(jsonb) is 'Writes the declared targets into bridge.target, and removes what only others needed.';
