-- The demo's table: what a shop keeps of an order.
create table if not exists public.orders (
  id bigint generated always as identity primary key,
  user_id uuid,
  items jsonb not null default '[]',
  total numeric(12, 2) not null,
  status text not null default 'pending',
  processed_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);
comment on table public.orders is 'Orders of the demo: items of {"sku", "quantity", "price"} that add up to the total.';
alter table public.orders enable row level security;
