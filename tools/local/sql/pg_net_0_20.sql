-- pg_net 0.20's functions that queue a request and wake the worker. On top of pg_net.sql, or, as
-- `alter extension pg_net update` does, on top of pg_net_0_14.sql.

alter table net.http_request_queue alter headers drop not null;
drop function if exists net.http_delete(text, jsonb, jsonb, integer);

create or replace function net.wake() returns void
language plpgsql
as $$
begin
  -- Shows the worker that a transaction which wakes it is open, and when it has ended.
  perform pg_advisory_xact_lock_shared(7234932, 0);
  -- The worker holds this one while it is woken already. Without, each commit that notifies waits for the others.
  if pg_try_advisory_lock_shared(7234932, 1) then
    perform pg_advisory_unlock_shared(7234932, 1), pg_notify('pg_net', 'wake');
  end if;
end
$$;
comment on function net.wake() is 'Wakes the worker at commit; once, however often it is called before.';

create or replace function net.wait_until_running() returns void
language plpgsql
as $$
begin
  while not exists (
    select from pg_stat_activity where datname = current_database() and application_name like 'pg\_net %'
  ) loop
    perform pg_sleep(0.05), pg_stat_clear_snapshot();
  end loop;
end
$$;
comment on function net.wait_until_running() is 'waits until the worker is running';

create or replace function net.http_get(
  url text, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds integer default 5000
) returns bigint
language plpgsql
as $$
declare
  params_array text[];
  request_id bigint;
begin
  params_array := array(
    select net._urlencode_string(key) || '=' || net._urlencode_string(value) from jsonb_each_text(params)
  );
  insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
  values ('GET', net._encode_url_with_params_array(url, params_array), headers, timeout_milliseconds)
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;
comment on function net.http_get(text, jsonb, jsonb, integer) is 'Queues a GET; returns the request''s id.';

create or replace function net.http_post(
  url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000
) returns bigint
language plpgsql
as $$
declare
  content_type text;
  params_array text[];
  request_id bigint;
begin
  select value into content_type
  from jsonb_each_text(coalesce(headers, '{}')) where lower(key) = 'content-type' limit 1;
  if content_type is null then
    headers := headers || '{"Content-Type": "application/json"}';
  end if;
  if content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  params_array := array(
    select net._urlencode_string(key) || '=' || net._urlencode_string(value) from jsonb_each_text(params)
  );
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'POST', net._encode_url_with_params_array(url, params_array), headers, convert_to(body::text, 'UTF8'),
    timeout_milliseconds
  )
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;
comment on function net.http_post(text, jsonb, jsonb, jsonb, integer) is
  'Queues a POST; returns the request''s id.';

create or replace function net.http_delete(
  url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds integer default 5000, body jsonb default null
) returns bigint
language plpgsql
as $$
declare
  params_array text[];
  request_id bigint;
begin
  params_array := array(
    select net._urlencode_string(key) || '=' || net._urlencode_string(value) from jsonb_each_text(params)
  );
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'DELETE', net._encode_url_with_params_array(url, params_array), headers, convert_to(body::text, 'UTF8'),
    timeout_milliseconds
  )
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;
comment on function net.http_delete(text, jsonb, jsonb, integer, jsonb) is
  'Queues a DELETE; returns the request''s id.';
