-- What counts effects where they happen: a row for each time that an order was processed, or a partner was told of it.

create schema if not exists faults;
comment on schema faults is 'The fault suite''s own counting.';

-- Without a unique key: what is done twice shows.
create table if not exists faults.effect (
  order_id bigint not null,
  by text not null,
  at timestamptz not null default clock_timestamp()
);
comment on table faults.effect is 'What was done for an order, a row each time.';
create index if not exists effect_order_id on faults.effect (order_id);

create table if not exists faults.refused (
  sku text primary key
);
comment on table faults.refused is 'Orders of these can''t be processed for now.';

create or replace function faults.note_effect() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from faults.refused where sku = new.items #>> '{0,sku}') then
    raise exception 'orders of this kind can''t be processed for now';
  end if;
  insert into faults.effect (order_id, by) values (new.id, 'process_order');
  return new;
end
$$;
comment on function faults.note_effect() is 'Notes that an order was processed, in the transaction that did it.';

create or replace trigger note_effect
  before update of processed_at on public.orders
  for each row when (new.processed_at is distinct from old.processed_at)
  execute function faults.note_effect();
