-- The role that the Worker and the Vercel functions connect as: what they do, and nothing else. Run it as the owner of
-- the tables (postgres, in Supabase) once `cdk deploy` has made schema bridge; harmless twice. Then give it a password:
--   alter role edge password '…';
-- By pg_net's default grants it may also do what every role may: read the headers and bodies of requests that wait in
-- net.http_request_queue, whole rows among them that it has no right to, delete them, and forge answers in
-- net._http_response (such a forged delivery counts for nothing). docs/security.md, "pg_net's tables", takes that away.

do $$
begin
  if to_regrole('edge') is null then
    create role edge login noinherit;
  end if;
end
$$;

-- What a user asks for is read as that user: row-level security decides.
grant authenticated to edge;

-- The ids of events that were handled, so that a duplicate does nothing.
select bridge.let_process('edge');

grant usage on schema public to edge;
grant insert on public.order_notices to edge;
grant select, update (status) on public.orders to edge;
grant select, insert, update on public.payments to edge;

drop policy if exists "edge writes notices" on public.order_notices;
create policy "edge writes notices" on public.order_notices for insert to edge with check (true);
drop policy if exists "edge reads orders" on public.orders;
create policy "edge reads orders" on public.orders for select to edge using (true);
drop policy if exists "edge marks orders paid" on public.orders;
create policy "edge marks orders paid" on public.orders for update to edge using (true) with check (true);
drop policy if exists "edge records payments" on public.payments;
create policy "edge records payments" on public.payments to edge using (true) with check (true);
