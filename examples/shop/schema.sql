-- The demo's tables: what a shop keeps of its users, their orders and what they paid.

create table if not exists public.users (
  id uuid primary key default gen_random_uuid(),
  email text not null unique,
  name text not null,
  created_at timestamptz not null default now()
);
comment on table public.users is 'Users of the demo; id is the subject of their tokens.';

create table if not exists public.orders (
  id bigint generated always as identity primary key,
  user_id uuid,
  items jsonb not null default '[]',
  total numeric(12, 2) not null check (total <> 'NaN'),
  currency text not null default 'eur',
  status text not null default 'pending' check (status in ('pending', 'processed', 'paid', 'expired')),
  payment_due_at timestamptz check (isfinite(payment_due_at)),
  processed_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);
comment on table public.orders is 'Orders of the demo: items of {"sku", "quantity", "price"} that add up to the total.';
comment on column public.orders.payment_due_at is 'An order that is not paid by then expires; null: never.';
create index if not exists orders_user_id on public.orders (user_id, id);
create index if not exists orders_status on public.orders (status, id);

create table if not exists public.payments (
  order_id bigint primary key references public.orders,
  attempt uuid not null default gen_random_uuid(),
  payment_intent_id text unique,
  idempotency_key text,
  status text not null default 'pending' check (status in ('pending', 'succeeded')),
  amount numeric(12, 2) not null,
  currency text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (status = 'pending' or payment_intent_id is not null)
);
comment on table public.payments is 'What is charged for an order: at most one payment each.';
comment on column public.payments.attempt is
  'Names the making of one PaymentIntent; Stripe''s idempotency keys are derived from it.';
comment on column public.payments.payment_intent_id is
  'The only PaymentIntent that is ever confirmed for the order; replaced only after Stripe has cancelled it.';
comment on column public.payments.idempotency_key is 'The key of the request that confirmed last.';
comment on column public.payments.amount is 'What the PaymentIntent is made for; once succeeded, what was charged.';

create table if not exists public.payment_requests (
  subject text not null,
  idempotency_key text not null,
  order_id bigint not null references public.payments on delete cascade,
  payment_method text not null,
  created_at timestamptz not null default now(),
  primary key (subject, idempotency_key)
);
comment on table public.payment_requests is 'What each Idempotency-Key of a user was first used for.';
create index if not exists payment_requests_order_id on public.payment_requests (order_id);

-- Without a unique key: what is done twice shows.
create table if not exists public.order_notices (
  id bigint generated always as identity primary key,
  order_id bigint not null,
  channel text not null,
  created_at timestamptz not null default now()
);
comment on table public.order_notices is 'Who was told of a new order: a row by each platform that order.created reaches.';
comment on column public.order_notices.channel is 'The platform: cloudflare or vercel.';

-- With the rights of its owner, who sees every row: these columns are for everyone.
create or replace view public.profiles as select id, name, created_at from public.users;
comment on view public.profiles is 'What anyone may see of users.';
grant select on public.profiles to anon, authenticated;

alter table public.users enable row level security;
alter table public.order_notices enable row level security;
alter table public.orders enable row level security;
alter table public.payments enable row level security;
-- No policy: only the function that charges reads and writes it.
alter table public.payment_requests enable row level security;

drop policy if exists "users see themselves" on public.users;
create policy "users see themselves" on public.users for select using (id = (select auth.uid()));
drop policy if exists "users see their orders" on public.orders;
create policy "users see their orders" on public.orders for select using (user_id = (select auth.uid()));
drop policy if exists "users see their payments" on public.payments;
create policy "users see their payments" on public.payments for select
  using (exists (select from public.orders as o where o.id = order_id and o.user_id = (select auth.uid())));

-- Where render_receipt puts receipts; only who may read all of Storage sees them.
insert into storage.buckets (id, name, public) values ('receipts', 'receipts', false) on conflict (id) do nothing;
