-- Stands in for pg_net's SQL side: what its versions 0.14 to 0.20 share. pg_net_0_14.sql or pg_net_0_20.sql
-- adds the functions that queue requests; tools/local/pg_net_worker.py is the background worker.
-- Taken from the extension's public interface.

create schema net;

create domain net.http_method as text
  check (value ilike 'get' or value ilike 'post' or value ilike 'delete');

create unlogged table net.http_request_queue (
  id bigserial,
  method net.http_method not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds integer not null
);
comment on table net.http_request_queue is 'Requests that wait for the worker; a crash empties it.';

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out boolean,
  error_msg text,
  created timestamptz not null default now()
);
create index on net._http_response (created);
comment on table net._http_response is 'What came back; a crash empties it.';

create function net._urlencode_string(string varchar) returns text
language sql immutable
as $$
  select coalesce(string_agg(
    case
      when byte in (45, 46, 95, 126) or byte between 48 and 57 or byte between 65 and 90 or byte between 97 and 122
        then chr(byte)
      else '%' || upper(lpad(to_hex(byte), 2, '0'))
    end, '' order by position), '')
  from (
    select position, get_byte(convert_to(string, 'UTF8'), position) as byte
    from generate_series(0, octet_length(convert_to(string, 'UTF8')) - 1) as position
  ) as bytes
$$;
comment on function net._urlencode_string(varchar) is 'Text with every reserved byte percent-encoded.';

create function net._encode_url_with_params_array(url text, params_array text[]) returns text
language plpgsql immutable
as $$
begin
  if url !~* '^(https?|ftp)://[^/?#]' or url ~ '[[:space:][:cntrl:]]' then
    raise exception using
      errcode = 'internal_error',
      message = format('invalid URL "%s": %s', url, case
        when url ~* '^(https?|ftp)://' then 'Bad hostname'
        when url ~* '^[a-z][a-z0-9+.-]*:' then 'Unsupported URL scheme'
        else 'Bad scheme' end);
  end if;
  if cardinality(params_array) = 0 then
    return url;
  end if;
  return url || case when position('?' in url) > 0 then '&' else '?' end || array_to_string(params_array, '&');
end
$$;
comment on function net._encode_url_with_params_array(text, text[]) is
  'An address with its query; an address that is none raises, in the caller''s transaction.';

create function net.worker_restart() returns boolean
language sql security definer set search_path = ''
as $$
  select pg_catalog.pg_notify('pg_net', 'restart');
  select pg_catalog.pg_reload_conf();
$$;
comment on function net.worker_restart() is
  'Has the worker end after the batch under way and start again; at commit, where the real one does not wait.';

create function net.check_worker_is_up() returns void
language plpgsql
as $$
begin
  -- The server hides the type of a backend, and so the worker, from roles without pg_read_all_stats.
  if not exists (
    select from pg_stat_activity
    where datname = current_database() and application_name like 'pg\_net %' and backend_type is not null
  ) then
    raise exception using
      message = 'the pg_net background worker is not up',
      detail = 'the pg_net background worker is down due to an internal error and cannot process requests',
      hint = 'make sure that you didn''t modify any of pg_net internal tables';
  end if;
end
$$;
comment on function net.check_worker_is_up() is
  'raises an exception if the pg_net background worker is not up, otherwise it doesn''t return anything';

grant usage on schema net to public;
grant all on all sequences in schema net to public;
grant all on all tables in schema net to public;
