-- Stands in for Supabase Vault 0.3 behind the same functions, table and view.
-- Real: the server's root key is a file outside the database and the cipher is libsodium's.
-- Here: pgcrypto, with the key in a table that only the superuser can read. A dump holds both.

create schema vault;

create table vault.root_key (key bytea not null);
comment on table vault.root_key is 'Encrypts vault.secrets; outside the database in the real Vault.';
insert into vault.root_key values (extensions.gen_random_bytes(32));
revoke all on vault.root_key from public;

create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea default extensions.gen_random_bytes(16),
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);
create unique index on vault.secrets (name) where name is not null;
comment on table vault.secrets is 'Table with encrypted secret column for storing sensitive information on disk.';

create function vault._tag(encrypted bytea, additional bytea, nonce bytea, key bytea) returns bytea
language sql immutable set search_path = ''
as $$ select extensions.hmac(additional || nonce || encrypted, key, 'sha256') $$;
comment on function vault._tag(bytea, bytea, bytea, bytea) is
  'Authenticates 32 bytes long what was encrypted, the row it belongs to, and the key.';

create function vault._crypto_aead_det_encrypt(
  message bytea, additional bytea, key_id bigint, context bytea default 'pgsodium', nonce bytea default null
) returns bytea
language plpgsql stable security definer set search_path = ''
as $$
declare
  root_key bytea := (select key from vault.root_key);
  encrypted bytea := extensions.encrypt_iv(message, root_key, nonce, 'aes');
begin
  return vault._tag(encrypted, additional, nonce, root_key) || encrypted;
end
$$;
comment on function vault._crypto_aead_det_encrypt(bytea, bytea, bigint, bytea, bytea) is
  'A message encrypted with the root key and bound to the additional bytes.';

create function vault._crypto_aead_det_decrypt(
  message bytea, additional bytea, key_id bigint, context bytea default 'pgsodium', nonce bytea default null
) returns bytea
language plpgsql stable security definer set search_path = ''
as $$
declare
  root_key bytea := (select key from vault.root_key);
  encrypted bytea := substr(message, 33);
begin
  if substr(message, 1, 32) is distinct from vault._tag(encrypted, additional, nonce, root_key) then
    raise exception using
      errcode = 'data_exception',
      message = 'pgsodium_crypto_aead_det_decrypt_by_id: invalid ciphertext';
  end if;
  return extensions.decrypt_iv(encrypted, root_key, nonce, 'aes');
end
$$;
comment on function vault._crypto_aead_det_decrypt(bytea, bytea, bigint, bytea, bytea) is
  'What was encrypted; raises when the root key, the row or the nonce is another.';

create view vault.decrypted_secrets as
select
  id, name, description, secret,
  convert_from(
    vault._crypto_aead_det_decrypt(
      message => decode(secret, 'base64'), additional => convert_to(id::text, 'utf8'), key_id => 0, nonce => nonce
    ), 'utf8'
  ) as decrypted_secret,
  key_id, nonce, created_at, updated_at
from vault.secrets;
comment on view vault.decrypted_secrets is 'The secrets as they were given.';

create function vault.create_secret(
  new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
) returns uuid
language plpgsql volatile security definer set search_path = ''
as $$
declare
  new_id uuid := gen_random_uuid();
  new_nonce bytea := extensions.gen_random_bytes(16);
begin
  insert into vault.secrets (id, nonce, name, description, secret)
  values (new_id, new_nonce, new_name, new_description, encode(
    vault._crypto_aead_det_encrypt(
      message => convert_to(new_secret, 'utf8'), additional => convert_to(new_id::text, 'utf8'), key_id => 0,
      nonce => new_nonce
    ), 'base64'));
  return new_id;
end
$$;
comment on function vault.create_secret(text, text, text, uuid) is 'Keeps a secret; returns its id.';

create function vault.update_secret(
  secret_id uuid, new_secret text default null, new_name text default null,
  new_description text default null, new_key_id uuid default null
) returns void
language plpgsql volatile security definer set search_path = ''
as $$
begin
  -- The real one reads the old secret first, to no use: with another root key it raises, and changes nothing.
  perform decrypted_secret from vault.decrypted_secrets where id = secret_id;
  update vault.secrets set
    secret = coalesce(encode(
      vault._crypto_aead_det_encrypt(
        message => convert_to(new_secret, 'utf8'), additional => convert_to(id::text, 'utf8'), key_id => 0,
        nonce => nonce
      ), 'base64'), secret),
    name = coalesce(new_name, name),
    description = coalesce(new_description, description),
    updated_at = now()
  where id = secret_id;
end
$$;
comment on function vault.update_secret(uuid, text, text, text, uuid) is 'Changes what is not null.';

revoke execute on all functions in schema vault from public;
