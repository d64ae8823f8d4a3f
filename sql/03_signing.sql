-- Message ids, signatures by Standard Webhooks 1.0, and the receipts that answers are believed for.

create or replace function bridge.message_id_of(microseconds bigint) returns uuid
language sql volatile
-- RFC 9562, version 7 with its method 3: 48 bits of milliseconds, the version, 12 bits of their fraction, then
-- variant and random bits as version 4 has them.
return (
  lpad(to_hex(microseconds / 1000), 12, '0')
  || to_hex(28672 + (microseconds % 1000) * 4096 / 1000)
  || right(gen_random_uuid()::text, 17))::uuid;
comment on function bridge.message_id_of(bigint) is
  'A UUID of version 7 for a moment in microseconds since 1970, by which it sorts. Becomes a part of what calls it.';

create or replace function bridge.new_message_id() returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  microseconds bigint := extract(epoch from clock_timestamp()) * 1000000;
begin
  return bridge.message_id_of(microseconds);
end
$$;
comment on function bridge.new_message_id() is 'A UUID of version 7: sorts by the microsecond in which it was made.';

create or replace function bridge.message_id_at(at timestamptz) returns uuid
language sql immutable strict set search_path = pg_catalog, pg_temp
as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;
comment on function bridge.message_id_at(timestamptz) is 'The lowest message id of that moment: older messages have smaller ids.';

create or replace function bridge.secret_name(target_name text) returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select 'bridge_signing_secret' || coalesce(':' || target_name, '')
$$;
comment on function bridge.secret_name(text) is 'What Vault calls the signing secret of an http target; of the API, for null.';

create or replace function bridge.signing_secret(target_name text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  return (select decrypted_secret from vault.decrypted_secrets where name = bridge.secret_name(target_name));
exception when others then
  -- Vault is missing, or its root key was lost: bridge.problem says so. What can't be signed is left to redelivery.
  return null;
end
$$;
comment on function bridge.signing_secret(text) is
  'A signing secret as Vault has it, base64, several separated by spaces; null if it has none, or can''t decrypt it.';

create or replace function bridge.set_signing_secret(secret text, target_name text default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  secret_name text := bridge.secret_name(target_name);
  present text := bridge.signing_secret(target_name);
  existing uuid := (select id from vault.secrets where name = bridge.secret_name(target_name));
  wrong_size integer := (
    select octet_length(key)
    from unnest(coalesce(nullif(string_to_array(secret, ' '), '{}'), '{""}')) as item, decode(item, 'base64') as key
    where octet_length(key) not between 24 and 64
    limit 1);
begin
  if wrong_size is not null then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('a signing secret holds %s bytes, 24 to 64 are needed', wrong_size);
  end if;
  if existing is not null and present is null then
    -- Vault's root key was lost: vault.update_secret would fail on what it can't decrypt.
    delete from vault.secrets where id = existing;
    existing := null;
  end if;
  if existing is null then
    perform vault.create_secret(secret, secret_name, 'Signs webhooks of Supabase External Compute');
  elsif secret is distinct from present then
    perform vault.update_secret(existing, secret);
  end if;
end
$$;
comment on function bridge.set_signing_secret(text, text) is
  'Puts a signing secret into Vault, the API''s or an http target''s: base64 without prefix; several, separated by spaces, while it rotates.';

create or replace function bridge.forget_signing_secrets(keeping text[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  delete from vault.secrets
  where (name = bridge.secret_name(null) or starts_with(name, bridge.secret_name(''))) and name <> all (keeping);
exception when others then
  raise notice 'signing secrets that are no longer needed stay in Vault: %', sqlerrm;
end
$$;
comment on function bridge.forget_signing_secrets(text[]) is 'Deletes the bridge''s secrets from Vault, except those of these names.';

create or replace function bridge.sign(message_id text, at bigint, body text, secret text) returns text
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
declare
  signed bytea := convert_to(message_id || '.' || at || '.' || body, 'UTF8');
begin
  if position(' ' in secret) = 0 then
    return 'v1,' || encode(extensions.hmac(signed, decode(secret, 'base64'), 'sha256'), 'base64');
  end if;
  return (
    select string_agg('v1,' || encode(extensions.hmac(signed, decode(key, 'base64'), 'sha256'), 'base64'), ' ')
    from unnest(string_to_array(secret, ' ')) as key);
end
$$;
comment on function bridge.sign(text, bigint, text, text) is
  'The webhook-signature header: one signature for each key of the secret. "at" is in seconds since 1970.';

create or replace function bridge.receipts(message_id text, signed_at bigint, accepted text, target_name text)
returns setof bytea
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select convert_to(bridge.sign(message_id, signed_at, accepted, key), 'UTF8')
  from unnest(string_to_array(bridge.signing_secret(target_name), ' ')) as key
$$;
comment on function bridge.receipts(text, bigint, text, text) is
  'What an answer must hold to count as the receiver''s: any role may write pg_net''s table of answers. The signature of "accepted", or of "accepted" and a queue''s target, under the request''s id and timestamp; one for each key in force. No request can have that signature: a body is a JSON object.';

create or replace function bridge.post(
  url text, message_id text, body jsonb, signed text, secret text, signed_at bigint
) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  return net.http_post(
    url => post.url,
    body => post.body,
    headers => jsonb_build_object(
      'Content-Type', 'application/json',
      'webhook-id', message_id,
      'webhook-timestamp', signed_at::text,
      'webhook-signature', bridge.sign(message_id, signed_at, signed, secret)));
end
$$;
comment on function bridge.post(text, text, jsonb, text, text, bigint) is
  'Hands one message to pg_net, which sends it once the transaction commits: body::text, which is what is signed. "signed_at" is in seconds since 1970. Returns pg_net''s request id.';

create or replace function bridge.remember_post(
  request_id bigint, message_id text, targets text[], signed_at bigint, ping boolean default false
) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  insert into bridge.posted (request_id, message_id, targets, signed_at, ping)
  values (request_id, message_id::uuid, targets, signed_at, ping)
  -- pg_net that was dropped and created again counts from 1. What had the number before is left to redelivery.
  on conflict (request_id) do update set
    message_id = excluded.message_id, targets = excluded.targets, posted_at = clock_timestamp(),
    signed_at = excluded.signed_at, ping = excluded.ping
$$;
comment on function bridge.remember_post(bigint, text, text[], bigint, boolean) is
  'Notes which message a request of pg_net carries.';
