-- What Studio's "Database Webhooks" make: a trigger for each row that calls supabase_functions.http_request, which
-- Supabase's image brings. Where it doesn't, as here, this stands in for it: it reads and checks the same arguments,
-- sends the same body through pg_net, and keeps the same record of the request.

create schema if not exists supabase_functions;

create table if not exists supabase_functions.hooks (
  id bigserial primary key,
  hook_table_id integer not null,
  hook_name text not null,
  created_at timestamptz not null default now(),
  request_id bigint
);
create index if not exists hooks_request_id on supabase_functions.hooks (request_id);
create index if not exists hooks_table on supabase_functions.hooks (hook_table_id, hook_name);

do $do$
begin
  if to_regprocedure('supabase_functions.http_request()') is not null then
    return;
  end if;
  create function supabase_functions.http_request() returns trigger
  language plpgsql security definer set search_path = supabase_functions
  as $$
  declare
    request_url text := nullif(tg_argv[0], 'null');
    request_method text := nullif(tg_argv[1], 'null');
    request_headers jsonb := coalesce(nullif(tg_argv[2], 'null'), '{"Content-Type": "application/json"}')::jsonb;
    request_params jsonb := coalesce(nullif(tg_argv[3], 'null'), '{}')::jsonb;
    timeout_ms integer := coalesce(nullif(tg_argv[4], 'null'), '1000')::integer;
    sent bigint;
  begin
    if request_url is null then
      raise exception 'the url is missing';
    end if;
    case request_method
      when 'POST' then
        sent := net.http_post(
          request_url,
          jsonb_build_object(
            'type', tg_op, 'table', tg_table_name, 'schema', tg_table_schema, 'record', new, 'old_record', old),
          request_params, request_headers, timeout_ms);
      when 'GET' then
        sent := net.http_get(request_url, request_params, request_headers, timeout_ms);
      else
        raise exception 'method % is neither GET nor POST', request_method;
    end case;
    insert into supabase_functions.hooks (hook_table_id, hook_name, request_id) values (tg_relid, tg_name, sent);
    return new;
  end
  $$;
end
$do$;

create trigger order_created after insert on public.orders for each row
execute function supabase_functions.http_request('{url}', 'POST', '{"Content-Type": "application/json"}', '{}', '5000');
