-- Stands in for the tables of Supabase Storage: their columns, keys, grants and row-level security, and the functions
-- that policies use. Left out: versions of objects, uploads in parts, vectors, and the service's own bookkeeping.

create schema storage;

create table storage.buckets (
  id text primary key,
  name text not null unique,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  public boolean default false,
  avif_autodetection boolean default false,
  file_size_limit bigint,
  allowed_mime_types text[],
  owner_id text
);
comment on table storage.buckets is 'Buckets; file_size_limit in bytes, null: the service''s own.';

create table storage.objects (
  id uuid primary key default gen_random_uuid(),
  bucket_id text references storage.buckets (id),
  name text,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_accessed_at timestamptz default now(),
  metadata jsonb,
  path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  version text,
  owner_id text,
  user_metadata jsonb
);
create unique index bucketid_objname on storage.objects (bucket_id, name);
comment on table storage.objects is 'Objects; what they hold is elsewhere, under their version.';

create function storage.touch() returns trigger
language plpgsql
as $$
begin
  new.updated_at := now();
  return new;
end
$$;
comment on function storage.touch() is 'Keeps updated_at.';
create trigger touch before update on storage.objects for each row execute function storage.touch();

create function storage.foldername(name text) returns text[]
language sql immutable
as $$ select (string_to_array(name, '/'))[:cardinality(string_to_array(name, '/')) - 1] $$;
comment on function storage.foldername(text) is 'The folders of a path.';

create function storage.filename(name text) returns text
language sql immutable
as $$ select (string_to_array(name, '/'))[cardinality(string_to_array(name, '/'))] $$;
comment on function storage.filename(text) is 'The last part of a path.';

create function storage.extension(name text) returns text
language sql immutable
as $$ select reverse(split_part(reverse(storage.filename(name)), '.', 1)) $$;
comment on function storage.extension(text) is 'What is after the last dot of a file''s name.';

alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;

grant usage on schema storage to anon, authenticated, service_role;
grant all on all tables in schema storage to anon, authenticated, service_role;
grant all on all functions in schema storage to anon, authenticated, service_role;

-- Whoever deploys declares policies on these, so they are its own where this role may give them away.
do $$
begin
  if pg_has_role(current_user, 'postgres', 'member') then
    alter schema storage owner to postgres;
    alter table storage.buckets owner to postgres;
    alter table storage.objects owner to postgres;
  end if;
end
$$;
