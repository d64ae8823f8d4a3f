-- What people write today, from the guides: one request a row, sent once, its key readable here.

create function public.notify_order() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform net.http_post(
    url := '{url}',
    headers := '{"Content-Type": "application/json", "Authorization": "Bearer 2f9c1e7ab8d04c55a6f3b0d1c4e8f7a2"}'::jsonb,
    body := jsonb_build_object(
      'type', tg_op, 'schema', tg_table_schema, 'table', tg_table_name,
      'record', to_jsonb(new), 'old_record', null));
  return new;
end
$$;

create trigger notify_order after insert on public.orders for each row execute function public.notify_order();
