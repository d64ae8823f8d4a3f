-- The declaration, the outbox, and what delivery remembers.

create schema if not exists bridge;
comment on schema bridge is
  'Supabase External Compute: captures row changes and delivers them as signed webhooks. Not exposed over REST.';
revoke all on schema bridge from public;

create table if not exists bridge.installation (
  only_row boolean primary key default true check (only_row),
  owner text not null,
  webhook_url text not null,
  fast_path_grace interval not null,
  retention interval not null,
  declaration jsonb not null,
  installed_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table bridge.installation is 'The one deployment that owns this schema, and its settings.';
comment on column bridge.installation.owner is 'Account/region/stack that declared the webhooks; no other may change them.';
comment on column bridge.installation.webhook_url is 'Where messages are posted: this address, then /webhooks/ and the webhook''s name.';
comment on column bridge.installation.fast_path_grace is 'How long pg_net has for a posted message before redelivery takes it over.';
comment on column bridge.installation.retention is 'How long delivered messages are kept; processed event ids, 18 days longer.';
comment on column bridge.installation.declaration is 'What bridge.sync was last given.';

create table if not exists bridge.target (
  name text primary key,
  kind text not null check (kind in ('queue'))
);
comment on table bridge.target is 'Where webhooks deliver to.';
comment on column bridge.target.kind is 'queue: an SQS queue with a worker behind it.';

create table if not exists bridge.webhook (
  name text primary key,
  table_schema text not null,
  table_name text not null,
  operations text[] not null,
  columns text[],
  condition text,
  target text not null references bridge.target deferrable initially deferred,
  enabled boolean not null,
  declaration jsonb not null
);
comment on table bridge.webhook is 'The declared webhooks, one row each. Written by bridge.sync; "enabled" may be set by hand.';
comment on column bridge.webhook.operations is 'insert, update, delete: which statements fire it.';
comment on column bridge.webhook.columns is 'What the record holds, besides the primary key; for updates also what must change. Null: every column.';
comment on column bridge.webhook.condition is 'SQL condition over new and old that an event must meet. Null: every row.';
comment on column bridge.webhook.enabled is 'False: changes are not captured. Takes effect with the next statement, without DDL.';
comment on column bridge.webhook.declaration is 'The webhook as last declared, so that a deploy resets only what the declaration changed.';

create table if not exists bridge.message (
  id uuid primary key,
  webhook text not null,
  target text not null,
  body jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  attempts integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  delivered_at timestamptz,
  last_error text
);
-- "if not exists" would lock the table against writers before it looks.
do $$
begin
  if to_regclass('bridge.message_due') is null then
    create index message_due on bridge.message (due_at) where state = 'pending';
  end if;
  if to_regclass('bridge.message_dead') is null then
    create index message_dead on bridge.message (webhook, id) where state = 'dead';
  end if;
end
$$;
comment on table bridge.message is 'The outbox: messages of up to 100 events, written by the transaction that made the change.';
comment on column bridge.message.id is 'The webhook-id: a UUID, version 7 (RFC 9562), the same across attempts and ordered by time.';
comment on column bridge.message.body is 'What is sent, byte for byte, as body::text.';
comment on column bridge.message.state is 'pending: not known to be delivered. delivered. dead: given up, or never sendable; see last_error.';
comment on column bridge.message.attempts is 'Attempts that failed.';
comment on column bridge.message.due_at is 'When redelivery takes a pending message: the next attempt, or the end of another''s lease.';
comment on column bridge.message.last_error is 'Why the last attempt failed.';

-- Unlogged as pg_net's own tables are: a crash of the server empties all of them together. A request id of before
-- the crash can therefore never be taken for one of the same number after it, and the messages it stood for
-- become due.
create unlogged table if not exists bridge.posted (
  request_id bigint primary key,
  message_id uuid not null,
  posted_at timestamptz not null default clock_timestamp()
);
comment on table bridge.posted is 'Which of pg_net''s requests carries which message, until its answer is settled.';

create table if not exists bridge.processed_event (
  worker text not null,
  event_id text not null,
  processed_at timestamptz not null default now(),
  primary key (worker, event_id)
);
comment on table bridge.processed_event is
  'Events whose effect is committed, written by the worker in the transaction of that effect; what makes duplicates harmless.';

do $$
begin
  if to_regclass('bridge.processed_event_at') is null then
    -- Rows come in the order of their time, which a BRIN index needs, and writing to it costs next to nothing.
    create index processed_event_at on bridge.processed_event using brin (processed_at);
  end if;
end
$$;

-- Sequences are the one counter that is neither rolled back nor locked until commit: writers that ring at the same
-- time never wait for each other.
create sequence if not exists bridge.last_ring;
comment on sequence bridge.last_ring is 'When redelivery was last rung for, in seconds since 1970.';
