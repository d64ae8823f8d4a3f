-- Stands in for Supabase Vault 0.3 behind the same functions, table and view.
-- Real: the server's root key is a file outside the database and the cipher is authenticated by row.
-- Here: pgcrypto, with the key in a table that only the superuser can read. A dump holds both.

create schema vault;

create table vault.root_key (key text not null);
comment on table vault.root_key is 'Encrypts vault.secrets; outside the database in the real Vault.';
insert into vault.root_key values (encode(extensions.gen_random_bytes(32), 'hex'));
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

create function vault._encrypt(plain text) returns text
language sql volatile security definer set search_path = ''
as $$
  -- The key is random: stretching it, as for passwords, would take longer than the write that a secret signs.
  select pg_catalog.encode(extensions.pgp_sym_encrypt(plain, key, 's2k-mode=1'), 'base64') from vault.root_key
$$;
comment on function vault._encrypt(text) is 'Text encrypted with the root key, as base64.';

create function vault._decrypt(encrypted text) returns text
language sql stable security definer set search_path = ''
as $$
  select extensions.pgp_sym_decrypt(pg_catalog.decode(encrypted, 'base64'), key) from vault.root_key
$$;
comment on function vault._decrypt(text) is 'What vault._encrypt() was given.';

create view vault.decrypted_secrets as
select
  id, name, description, secret, vault._decrypt(secret) as decrypted_secret,
  key_id, nonce, created_at, updated_at
from vault.secrets;
comment on view vault.decrypted_secrets is 'The secrets as they were given.';

create function vault.create_secret(
  new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
) returns uuid
language sql volatile security definer set search_path = ''
as $$
  insert into vault.secrets (secret, name, description)
  values (vault._encrypt(new_secret), new_name, new_description)
  returning id
$$;
comment on function vault.create_secret(text, text, text, uuid) is 'Keeps a secret; returns its id.';

create function vault.update_secret(
  secret_id uuid, new_secret text default null, new_name text default null,
  new_description text default null, new_key_id uuid default null
) returns void
language sql volatile security definer set search_path = ''
as $$
  update vault.secrets set
    secret = coalesce(vault._encrypt(new_secret), secret),
    name = coalesce(new_name, name),
    description = coalesce(new_description, description),
    updated_at = now()
  where id = secret_id
$$;
comment on function vault.update_secret(uuid, text, text, text, uuid) is 'Changes what is not null.';

-- As Supabase grants them: the deploying role reads, deletes and executes, others see nothing.
grant usage on schema vault to postgres, service_role;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres, service_role;
revoke execute on all functions in schema vault from public;
grant execute on all functions in schema vault to postgres, service_role;
