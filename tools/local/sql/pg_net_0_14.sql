-- pg_net 0.14's functions that queue a request, on top of pg_net.sql. They wake nobody: its own worker looked every
-- second; one since 0.19, which the image's newest library holds, leaves what they queue where it is.

alter table net.http_request_queue alter headers set not null;

create or replace function net.http_get(
  url text, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds integer default 5000
) returns bigint
language plpgsql strict
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
  return request_id;
end
$$;
comment on function net.http_post(text, jsonb, jsonb, jsonb, integer) is
  'Queues a POST; returns the request''s id.';

create or replace function net.http_delete(
  url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds integer default 5000
) returns bigint
language plpgsql strict
as $$
declare
  params_array text[];
  request_id bigint;
begin
  params_array := array(
    select net._urlencode_string(key) || '=' || net._urlencode_string(value) from jsonb_each_text(params)
  );
  insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
  values ('DELETE', net._encode_url_with_params_array(url, params_array), headers, timeout_milliseconds)
  returning id into request_id;
  return request_id;
end
$$;
comment on function net.http_delete(text, jsonb, jsonb, integer) is 'Queues a DELETE; returns the request''s id.';
