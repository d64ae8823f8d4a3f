-- The declaration, the outbox, and what delivery remembers, as a first installation makes them. A database that has an
-- older form of it gets sql/migrations/ instead, and must come to the same end.

create schema if not exists bridge;
comment on schema bridge is
  'Supabase External Compute: captures row changes and delivers them as signed webhooks. Not exposed over REST.';
revoke all on schema bridge from public;

create table bridge.migration (
  name text primary key,
  applied_at timestamptz not null default now()
);
comment on table bridge.migration is
  'The migrations (sql/migrations/) that this schema has: applied one by one, or a part of it from its first installation.';
comment on column bridge.migration.name is 'The version that it came with, an underscore, and its subject: the file''s name.';
comment on column bridge.migration.applied_at is 'When it was applied, or the schema was first installed.';

create table bridge.installation (
  only_row boolean primary key default true check (only_row),
  owner text not null,
  webhook_url text not null,
  fast_path_grace interval not null,
  retention interval not null,
  pause_after interval not null default '24 hours',
  declaration jsonb not null,
  version text,
  installed_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on table bridge.installation is 'The one deployment that owns this schema, and its settings.';
comment on column bridge.installation.only_row is 'True: there is one row at most.';
comment on column bridge.installation.owner is 'Account/region/stack that declared the webhooks; no other may change them.';
comment on column bridge.installation.webhook_url is 'Where messages are posted: this address, then /webhooks/ and the webhook''s name.';
comment on column bridge.installation.fast_path_grace is 'How long pg_net has for a posted message before redelivery takes it over.';
comment on column bridge.installation.retention is 'How long delivered messages are kept; processed event ids, 18 days longer.';
comment on column bridge.installation.pause_after is 'A target that has failed for so long is paused.';
comment on column bridge.installation.declaration is 'What bridge.sync was last given.';
comment on column bridge.installation.version is
  'The version of the bridge whose functions and views these are; null: applied by hand.';
comment on column bridge.installation.installed_at is 'When bridge.sync was first called.';
comment on column bridge.installation.updated_at is 'When it was last called.';

create table bridge.target (
  name text primary key,
  kind text not null,
  url text,
  fast_path boolean not null default true,
  ordered boolean not null default false,
  gives_receipts boolean not null default false,
  paused_at timestamptz,
  paused_because text,
  failing_since timestamptz,
  failed_at timestamptz,
  failures integer not null default 0,
  held_until timestamptz not null default '-infinity',
  slow_until timestamptz not null default '-infinity',
  constraint target_kind check (kind in ('queue', 'http') and (kind = 'http') = (url is not null))
);
comment on table bridge.target is 'Where webhooks deliver to, and whether that can be delivered to just now.';
comment on column bridge.target.name is 'The worker''s or the address''s name in bridge.toml.';
comment on column bridge.target.kind is 'queue: an SQS queue with a worker behind it. http: an address.';
comment on column bridge.target.url is 'Where an http target is posted to; {webhook} stands for the webhook''s name.';
comment on column bridge.target.fast_path is
  'Whether pg_net may post to it; else redelivery alone does, rung for at once.';
comment on column bridge.target.gives_receipts is
  'Whether its last answer proved that it had accepted the message; without, redelivery alone posts to it. See bridge.receipts.';
comment on column bridge.target.ordered is
  'Whether it gets messages in their order, one after another, by redelivery alone: so declared by one of its webhooks.';
comment on column bridge.target.failing_since is 'Since when nothing was delivered to it, though it was tried; null: the last attempt succeeded.';
comment on column bridge.target.failed_at is 'When it was last tried in vain.';
comment on column bridge.target.paused_at is 'Since when its messages only collect; null: they are delivered. See bridge.pause and bridge.resume.';
comment on column bridge.target.paused_because is 'Why it is paused.';
comment on column bridge.target.failures is
  'How many times in a row it was out of reach or asked for time; while it isn''t zero, redelivery tries one message at a time.';
comment on column bridge.target.held_until is 'Not tried before, whatever is due.';
comment on column bridge.target.slow_until is
  'Not posted to by pg_net before: a request of pg_net failed, and a slow one holds up all that pg_net sends with it.';

create table bridge.webhook (
  name text primary key,
  table_schema text not null,
  table_name text not null,
  operations text[] not null,
  columns text[],
  condition text,
  targets text[] not null check (cardinality(targets) > 0),
  enabled boolean not null,
  ordered boolean not null default false,
  max_per_minute integer check (max_per_minute > 0),
  paused_at timestamptz,
  paused_because text,
  admitted_until timestamptz not null default '-infinity',
  declaration jsonb not null
);
comment on table bridge.webhook is 'The declared webhooks, one row each. Written by bridge.sync; "enabled" may be set by hand.';
comment on column bridge.webhook.name is 'Its name in bridge.toml, and the type of its events.';
comment on column bridge.webhook.table_schema is 'Whose rows are captured: the table''s schema.';
comment on column bridge.webhook.table_name is 'The table''s name, as it was declared.';
comment on column bridge.webhook.operations is 'insert, update, delete: which statements fire it.';
comment on column bridge.webhook.columns is 'What the record holds, besides the primary key; for updates also what must change. Null: every column.';
comment on column bridge.webhook.condition is 'SQL condition over new and old that an event must meet. Null: every row.';
comment on column bridge.webhook.targets is 'Where it delivers to: names of bridge.target.';
comment on column bridge.webhook.enabled is 'False: changes are not captured. Takes effect with the next statement, without DDL.';
comment on column bridge.webhook.ordered is 'Whether the changes of a row are delivered in their order; see bridge.target.ordered.';
comment on column bridge.webhook.max_per_minute is 'Events that are delivered in a minute; the others wait. Null: no limit. See bridge.limit.';
comment on column bridge.webhook.paused_at is
  'Since when changes are captured and wait; null: they are delivered. See bridge.pause_webhook and bridge.resume_webhook.';
comment on column bridge.webhook.paused_because is 'Why it is paused.';
comment on column bridge.webhook.admitted_until is 'Until when its limit is used up by what was let through.';
comment on column bridge.webhook.declaration is 'The webhook as last declared, so that a deploy resets only what the declaration changed.';

create type bridge.address as (targets text[], url text, secret text, at_once boolean, ordered boolean);
comment on type bridge.address is
  'Where a message goes, within the statement that sends it: the targets that one request reaches; the url to post to, null to leave it to redelivery; what signs it; whether redelivery is asked for at once; whether in order.';

create table bridge.message (
  id uuid not null,
  webhook text not null,
  target text not null,
  body jsonb not null,
  -- Without a check of its values: Postgres would parse that anew with each statement that captures.
  state text not null default 'pending',
  attempts integer not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  due_at timestamptz not null default clock_timestamp(),
  delivered_at timestamptz,
  last_error text,
  ordered boolean not null default false,
  tried jsonb not null default '[]',
  primary key (id, target)
);
create index message_waiting on bridge.message (target, ordered, due_at) where state = 'pending';
create index message_dead on bridge.message (webhook, id) where state = 'dead';
create index message_parked on bridge.message (webhook, id) where state = 'pending' and due_at = 'infinity';
create index message_in_order on bridge.message (target, id) where state = 'pending' and ordered and due_at < 'infinity';
do $$
begin
  -- pglz takes longer than making the body.
  if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any (enumvals)) then
    alter table bridge.message alter body set compression lz4;
  end if;
end
$$;
comment on table bridge.message is
  'The outbox: messages of up to 100 events, written by the transaction that made the change; a row for each target, with a state of its own.';
comment on column bridge.message.id is 'The webhook-id: a UUID, version 7 (RFC 9562), the same across attempts and ordered by time.';
comment on column bridge.message.webhook is 'Whose events they are.';
comment on column bridge.message.target is 'Whom this row''s delivery is for.';
comment on column bridge.message.body is 'What is sent, byte for byte, as body::text.';
comment on column bridge.message.state is 'pending: not known to be delivered. delivered. dead: given up, or never sendable; see last_error.';
comment on column bridge.message.attempts is 'Attempts that failed.';
comment on column bridge.message.created_at is 'When it was written, in the transaction of the change.';
comment on column bridge.message.due_at is
  'When redelivery takes a pending message: the next attempt, or the end of another''s lease. infinity: parked, until its webhook is resumed or has room within its limit.';
comment on column bridge.message.delivered_at is 'When it was found to be delivered; null: not yet.';
comment on column bridge.message.last_error is 'Why the last attempt failed.';
comment on column bridge.message.ordered is 'Whether its target was ordered when it was written.';
comment on column bridge.message.tried is
  'The attempts that failed, oldest first: {"at", "by": "pg_net" or "redeliver", "answer"}.';

-- Unlogged as pg_net's own tables are: a crash of the server empties all of them together. A request id of before
-- the crash can therefore never be taken for one of the same number after it, and the messages it stood for
-- become due.
create unlogged table bridge.posted (
  request_id bigint primary key,
  message_id uuid not null,
  targets text[] not null,
  posted_at timestamptz not null default clock_timestamp(),
  signed_at bigint not null,
  ping boolean not null default false
);
comment on table bridge.posted is 'Which of pg_net''s requests carries which message, until it is answered or overdue.';
comment on column bridge.posted.request_id is 'As net.http_post returned it.';
comment on column bridge.posted.message_id is 'The message''s id.';
comment on column bridge.posted.targets is
  'Whose delivery the request is: an http target''s, or that of all queues, which one request to the API reaches; empty: a ring, or a ping of the API.';
comment on column bridge.posted.posted_at is 'When it was handed to pg_net.';
comment on column bridge.posted.signed_at is 'Its webhook-timestamp, which a receipt covers: seconds since 1970.';
comment on column bridge.posted.ping is 'Whether it is a ping, whose answer whoever sent it asks for.';

create table bridge.last_delivery (
  webhook text not null,
  target text not null,
  at timestamptz,
  primary key (webhook, target)
);
comment on table bridge.last_delivery is
  'When each webhook last delivered to each of its targets: the outbox forgets, and is too large to be asked. Written by bridge.complete.';
comment on column bridge.last_delivery.webhook is 'The webhook.';
comment on column bridge.last_delivery.target is 'The target.';
comment on column bridge.last_delivery.at is 'To ten seconds; null: never yet.';

create table bridge.processed_event (
  worker text not null,
  event_id text not null,
  processed_at timestamptz not null default now(),
  primary key (worker, event_id)
);
comment on table bridge.processed_event is
  'Events whose effect is committed, written by the worker in the transaction of that effect; what makes duplicates harmless.';
comment on column bridge.processed_event.worker is 'Which worker: each handles each event once.';
comment on column bridge.processed_event.event_id is 'The event''s id: the webhook-id, a colon, and its number in the message.';
comment on column bridge.processed_event.processed_at is 'When that transaction began.';

-- Rows come in the order of their time, which a BRIN index needs, and writing to it costs next to nothing.
create index processed_event_at on bridge.processed_event using brin (processed_at);

create table bridge.backfill_job (
  id uuid primary key default gen_random_uuid(),
  webhook text not null,
  targets text[] not null,
  position text[],
  events bigint not null default 0,
  started_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  last_error text
);
comment on table bridge.backfill_job is 'What bridge.backfill was asked for, and how far it is. See the view bridge.backfills.';
comment on column bridge.backfill_job.id is 'As bridge.backfill returned it.';
comment on column bridge.backfill_job.webhook is 'Whose table is read.';
comment on column bridge.backfill_job.targets is 'Whom the rows are sent to.';
comment on column bridge.backfill_job.position is 'The primary key of the last row that was read, each column as text; null: none yet.';
comment on column bridge.backfill_job.events is 'Events written so far; rows that the webhook''s condition leaves out are none.';
comment on column bridge.backfill_job.started_at is 'When it was asked for.';
comment on column bridge.backfill_job.updated_at is 'When it was last taken further, or tried.';
comment on column bridge.backfill_job.finished_at is 'When it ended; null: not yet.';
comment on column bridge.backfill_job.last_error is 'Why it makes no progress, or ended early.';

-- Sequences are the one counter that is neither rolled back nor locked until commit: writers that look at the same
-- time never wait for each other. All of them hold milliseconds since 1970.
create sequence bridge.last_post;
comment on sequence bridge.last_post is 'When a writer last handed something to pg_net.';
create sequence bridge.last_ring;
comment on sequence bridge.last_ring is 'When redelivery was last rung for.';
create sequence bridge.awake_until;
comment on sequence bridge.awake_until is 'Until when redelivery looks for messages by itself: nothing has to be posted or rung for.';
create sequence bridge.pg_net_late;
comment on sequence bridge.pg_net_late is 'When pg_net was last found not to have sent what it was handed.';
