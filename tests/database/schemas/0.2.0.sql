-- Version 0.2.0, as `make schema` wrote it: see README.md.

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

create table public.orders (id bigint primary key);
create view bridge.backfills as select null::uuid as id, null::text as webhook, null::text[] as targets, null::bigint as events, null::bigint as rows_estimated, null::timestamp with time zone as started_at, null::timestamp with time zone as updated_at, null::timestamp with time zone as finished_at, null::text as last_error;
create view bridge.dead_letter as select null::uuid as message_id, null::text as webhook, null::text as target, null::timestamp with time zone as created_at, null::integer as attempts, null::text as last_error, null::jsonb as tried, null::jsonb as events;
create view bridge.missing_trigger as select null::text as webhook, null::text as operation, null::text collate "C" as "table", null::text as trigger_name, null::boolean as on_partition, null::text as because;
create view bridge.present_trigger as select null::oid as relation, null::text collate "C" as trigger_name, null::text collate "C" as function_name, null::"char" as enabled, null::boolean as fires;
create view bridge.problem as select null::text as of, null::text as problem, null::text collate "C" as remedy, null::text as run_as;
create view bridge.status as select null::text as webhook, null::text as target, null::boolean as enabled, null::text[] as not_captured, null::integer as max_per_minute, null::text as paused_because, null::timestamp with time zone as failing_since, null::timestamp with time zone as held_until, null::bigint as pending, null::timestamp with time zone as oldest_pending, null::bigint as failed, null::timestamp with time zone as last_delivery, null::bigint as dead, null::text as last_error, null::text as problem;
create function bridge."capture_order.created_insert"() returns trigger language plpgsql as 'begin end';
create function bridge."leading"(target_name text, max_messages integer) returns uuid[] language plpgsql as 'begin end';
create function bridge."limit"(webhook_name text, max_per_minute integer) returns void language plpgsql as 'begin end';
create function bridge.actor() returns text language plpgsql as 'begin end';
create function bridge.addresses(webhook bridge.webhook, webhook_url text) returns bridge.address[] language plpgsql as 'begin end';
create function bridge.admit(max_messages integer) returns integer language plpgsql as 'begin end';
create function bridge.admit_for(webhook_name text, max_messages integer) returns integer language plpgsql as 'begin end';
create function bridge.after_key(relation regclass) returns text language plpgsql as 'begin end';
create function bridge.backfill(webhook text, target text DEFAULT NULL::text) returns uuid language plpgsql as 'begin end';
create function bridge.backfill_chunk(job bridge.backfill_job, webhook bridge.webhook, max_rows integer, reading boolean DEFAULT true) returns bridge.backfill_job language plpgsql as 'begin end';
create function bridge.backfill_on(job bridge.backfill_job, webhook bridge.webhook, max_rows integer) returns bridge.backfill_job language plpgsql as 'begin end';
create function bridge.backfill_query(declared jsonb) returns text language plpgsql as 'begin end';
create function bridge.backfill_step(max_rows integer) returns integer language plpgsql as 'begin end';
create function bridge.backfill_waits(webhook_name text, target_names text[]) returns boolean language plpgsql as 'begin end';
create function bridge.bytes(content text) returns bytea language plpgsql as 'begin end';
create function bridge.capture_columns(declared jsonb) returns text[] language plpgsql as 'begin end';
create function bridge.capture_from(operation text, both_sides boolean DEFAULT true) returns text language plpgsql as 'begin end';
create function bridge.capture_key(declared jsonb, operation text) returns text language plpgsql as 'begin end';
create function bridge.capture_record(declared jsonb, operation text, side text) returns text language plpgsql as 'begin end';
create function bridge.capture_source(declared jsonb, operation text) returns text language plpgsql as 'begin end';
create function bridge.capture_targets(declared jsonb) returns text language plpgsql as 'begin end';
create function bridge.capture_where(declared jsonb, operation text) returns text language plpgsql as 'begin end';
create function bridge.capturing(webhook_name text) returns boolean language plpgsql as 'begin end';
create function bridge.check_declaration(desired jsonb) returns void language plpgsql as 'begin end';
create function bridge.claim(max_messages integer, lease_seconds integer, target_kinds text[] DEFAULT '{queue,http}'::text[]) returns TABLE(id uuid, webhook text, target text, body text, attempts integer) language plpgsql as 'begin end';
create function bridge.complete(message_ids uuid[], target_names text[]) returns integer language plpgsql as 'begin end';
create function bridge.condition_problem(relation regclass, operations text[], condition text) returns text language plpgsql as 'begin end';
create function bridge.create_triggers(desired jsonb) returns text[] language plpgsql as 'begin end';
create function bridge.desired_triggers(desired jsonb) returns TABLE(webhook jsonb, operation text, relation oid, trigger_name text, function_name text) language plpgsql as 'begin end';
create function bridge.dispatch(webhook_name text, relation oid, messages refcursor, posting boolean) returns void language plpgsql as 'begin end';
create function bridge.drop_triggers(desired jsonb) returns text[] language plpgsql as 'begin end';
create function bridge.drop_unused_functions() returns void language plpgsql as 'begin end';
create function bridge.envelope(webhook_name text, data jsonb) returns jsonb language plpgsql as 'begin end';
create function bridge.exposed(relation text, privileges text[]) returns boolean language plpgsql as 'begin end';
create function bridge.fail(message_id uuid, target_name text, error text, not_before interval DEFAULT '00:00:00'::interval) returns text language plpgsql as 'begin end';
create function bridge.fall_asleep() returns boolean language plpgsql as 'begin end';
create function bridge.forget_processed(message_ids uuid[], target_names text[]) returns void language plpgsql as 'begin end';
create function bridge.forget_signing_secrets(keeping text[]) returns void language plpgsql as 'begin end';
create function bridge.give_up(message uuid, target text DEFAULT NULL::text, because text DEFAULT 'by hand'::text) returns integer language plpgsql as 'begin end';
create function bridge.has_claims() returns boolean language plpgsql as 'begin end';
create function bridge.head(webhook_name text, actor text) returns text language plpgsql as 'begin end';
create function bridge.heard_ring() returns void language plpgsql as 'begin end';
create function bridge.hold(target_name text, not_before interval DEFAULT '00:00:00'::interval) returns void language plpgsql as 'begin end';
create function bridge.holds_receipt(content text, message_id text, signed_at bigint, accepted text, target_name text) returns boolean language plpgsql as 'begin end';
create function bridge.is_awake() returns boolean language plpgsql as 'begin end';
create function bridge.is_ready(webhook bridge.webhook) returns boolean language plpgsql as 'begin end';
create function bridge.is_recent(moments regclass, milliseconds integer) returns boolean language plpgsql as 'begin end';
create function bridge.is_spared() returns boolean language plpgsql as 'begin end';
create function bridge.json_timestamp(at timestamp with time zone) returns text language plpgsql as 'begin end';
create function bridge.key_columns(relation regclass) returns text[] language plpgsql as 'begin end';
create function bridge.key_operators(relation regclass) returns TABLE(name text, nth bigint, type text, strategy integer, operator text) language plpgsql as 'begin end';
create function bridge.legible(content text) returns text language plpgsql as 'begin end';
create function bridge.let_process(role_name regrole) returns void language plpgsql as 'begin end';
create function bridge.lock_messages(message_ids uuid[], target_names text[]) returns void language plpgsql as 'begin end';
create function bridge.message_id_at(at timestamp with time zone) returns uuid language plpgsql as 'begin end';
create function bridge.message_id_of(microseconds bigint) returns uuid language plpgsql as 'begin end';
create function bridge.metrics() returns TABLE(pending bigint, oldest_seconds double precision, dead bigint, paused bigint, missing_triggers bigint, problems bigint) language plpgsql as 'begin end';
create function bridge.nearest(given text, candidates text[]) returns text language plpgsql as 'begin end';
create function bridge.new_message_id() returns uuid language plpgsql as 'begin end';
create function bridge.note_receipts(target_names text[], given boolean) returns void language plpgsql as 'begin end';
create function bridge.now_ms() returns bigint language plpgsql as 'begin end';
create function bridge.numbered(message_id uuid, events jsonb[]) returns jsonb language plpgsql as 'begin end';
create function bridge.outside_workers() returns SETOF text language plpgsql as 'begin end';
create function bridge.park(webhook_name text DEFAULT NULL::text, max_messages integer DEFAULT NULL::integer) returns integer language plpgsql as 'begin end';
create function bridge.pause(target_name text, because text DEFAULT 'by hand'::text) returns boolean language plpgsql as 'begin end';
create function bridge.pause_webhook(webhook_name text, because text DEFAULT 'by hand'::text) returns boolean language plpgsql as 'begin end';
create function bridge.paused_itself(target bridge.target) returns boolean language plpgsql as 'begin end';
create function bridge.pg_net_problem(OUT problem text, OUT remedy text, OUT run_as text) returns record language plpgsql as 'begin end';
create function bridge.pick(record jsonb, columns text[]) returns jsonb language plpgsql as 'begin end';
create function bridge.ping(target_name text DEFAULT NULL::text) returns bigint language plpgsql as 'begin end';
create function bridge.ping_answer(request_id bigint) returns jsonb language plpgsql as 'begin end';
create function bridge.post(url text, message_id text, body jsonb, signed text, secret text, signed_at bigint) returns bigint language plpgsql as 'begin end';
create function bridge.post_to(addresses bridge.address[], message_id text, body jsonb, sent text) returns void language plpgsql as 'begin end';
create function bridge.prune(max_rows integer) returns integer language plpgsql as 'begin end';
create function bridge.put(message_id uuid, webhook bridge.webhook, relation oid, body jsonb, addresses bridge.address[], grace interval) returns void language plpgsql as 'begin end';
create function bridge.put_dead(message_id uuid, webhook bridge.webhook, body jsonb, failure text) returns void language plpgsql as 'begin end';
create function bridge.put_events(webhook_name text, relation oid, events jsonb[], failure text DEFAULT NULL::text) returns void language plpgsql as 'begin end';
create function bridge.put_halves(webhook bridge.webhook, relation oid, body jsonb, addresses bridge.address[], grace interval) returns void language plpgsql as 'begin end';
create function bridge.receipts(message_id text, signed_at bigint, accepted text, target_name text) returns SETOF bytea language plpgsql as 'begin end';
create function bridge.refuse(message_id uuid, target_name text, error text, status integer, not_before interval DEFAULT '00:00:00'::interval) returns text language plpgsql as 'begin end';
create function bridge.relation(name text) returns regclass language plpgsql as 'begin end';
create function bridge.release(message_ids uuid[], target_names text[]) returns void language plpgsql as 'begin end';
create function bridge.remember_post(request_id bigint, message_id text, targets text[], signed_at bigint, ping boolean DEFAULT false) returns void language plpgsql as 'begin end';
create function bridge.repair() returns text[] language plpgsql as 'begin end';
create function bridge.replay(message uuid DEFAULT NULL::uuid, webhook text DEFAULT NULL::text, since timestamp with time zone DEFAULT NULL::timestamp with time zone, until timestamp with time zone DEFAULT NULL::timestamp with time zone, target text DEFAULT NULL::text, dead_only boolean DEFAULT false, anew boolean DEFAULT false) returns integer language plpgsql as 'begin end';
create function bridge.require_owner(owner text, adopt text) returns void language plpgsql as 'begin end';
create function bridge.reserve_ordered() returns text[] language plpgsql as 'begin end';
create function bridge.resume(target_name text) returns boolean language plpgsql as 'begin end';
create function bridge.resume_webhook(webhook_name text) returns boolean language plpgsql as 'begin end';
create function bridge.retry_after(failed_attempts integer) returns interval language plpgsql as 'begin end';
create function bridge.ring(webhook_url text) returns void language plpgsql as 'begin end';
create function bridge.ring_for(webhook_name text) returns void language plpgsql as 'begin end';
create function bridge.secret_name(target_name text) returns text language plpgsql as 'begin end';
create function bridge.session_head(webhook_name text) returns text language plpgsql as 'begin end';
create function bridge.set_signing_secret(secret text, target_name text DEFAULT NULL::text) returns void language plpgsql as 'begin end';
create function bridge.settle(max_messages integer) returns TABLE(delivered integer, failed integer) language plpgsql as 'begin end';
create function bridge.shorten_lock_timeout() returns void language plpgsql as 'begin end';
create function bridge.sign(message_id text, at bigint, body text, secret text) returns text language plpgsql as 'begin end';
create function bridge.signing_secret(target_name text) returns text language plpgsql as 'begin end';
create function bridge.stay_awake(milliseconds integer) returns void language plpgsql as 'begin end';
create function bridge.stop_backfill(webhook text) returns integer language plpgsql as 'begin end';
create function bridge.sync(desired jsonb, owner text DEFAULT 'by hand'::text, adopt text DEFAULT NULL::text) returns jsonb language plpgsql as 'begin end';
create function bridge.sync_declaration(desired jsonb, owner text) returns void language plpgsql as 'begin end';
create function bridge.sync_functions(desired jsonb) returns integer language plpgsql as 'begin end';
create function bridge.sync_targets(declared jsonb) returns void language plpgsql as 'begin end';
create function bridge.take_over(message_ids uuid[], target_names text[], answers text[]) returns integer language plpgsql as 'begin end';
create function bridge.target_problems(desired jsonb) returns SETOF text language plpgsql as 'begin end';
create function bridge.teardown() returns jsonb language plpgsql as 'begin end';
create function bridge.thin(event jsonb, key_columns text[]) returns jsonb language plpgsql as 'begin end';
create function bridge.unposted(webhook bridge.webhook, target_names text[] DEFAULT NULL::text[], at_once boolean DEFAULT false) returns bridge.address[] language plpgsql as 'begin end';
create function bridge.unsendable(body jsonb) returns boolean language plpgsql as 'begin end';
create function bridge.vault_problem(OUT problem text, OUT remedy text, OUT run_as text) returns record language plpgsql as 'begin end';
create function bridge.wake() returns void language plpgsql as 'begin end';
create function bridge.webhook_named(webhook_name text) returns bridge.webhook language plpgsql as 'begin end';
create function bridge.webhook_problems(declared jsonb) returns SETOF text language plpgsql as 'begin end';
create function bridge.withdraw(max_requests integer) returns integer language plpgsql as 'begin end';
create function bridge.worker_version(name text) returns integer[] language plpgsql as 'begin end';
CREATE TRIGGER "bridge_order.created_insert" AFTER INSERT ON public.orders REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION bridge."capture_order.created_insert"();
insert into bridge.installation select * from jsonb_populate_record(null::bridge.installation, '{"owner": "tests", "version": null, "only_row": true, "retention": "7 days", "updated_at": "2026-12-01T01:54:19.929349+00:00", "declaration": {"targets": [{"kind": "queue", "name": "handle_order"}], "webhooks": [{"name": "order.created", "when": null, "table": "public.orders", "columns": null, "enabled": true, "targets": ["handle_order"], "operations": ["insert"]}], "retention": 7, "webhook_url": "https://api.example.com/", "fast_path_grace": 30}, "pause_after": "24:00:00", "webhook_url": "https://api.example.com", "installed_at": "2026-12-01T01:54:19.929349+00:00", "fast_path_grace": "00:00:30"}');
insert into bridge.last_delivery select * from jsonb_populate_record(null::bridge.last_delivery, '{"at": null, "target": "handle_order", "webhook": "order.created"}');
insert into bridge.message select * from jsonb_populate_record(null::bridge.message, '{"id": "01a22f4f-5ca4-71ae-a639-736bae76c700", "body": {"data": [{"id": "01a22f4f-5ca4-71ae-a639-736bae76c700:0", "table": "orders", "record": {"id": 1}, "schema": "public", "operation": "INSERT", "old_record": null}], "type": "order.created", "timestamp": "2026-12-01T01:54:19.940580Z", "transaction": {"id": "752", "role": "postgres", "actor": null}}, "state": "delivered", "tried": [], "due_at": "2026-12-01T01:54:49.942897+00:00", "target": "handle_order", "ordered": false, "webhook": "order.created", "attempts": 0, "created_at": "2026-12-01T01:54:19.942898+00:00", "last_error": null, "delivered_at": "2026-12-01T01:54:19.945286+00:00"}');
insert into bridge.message select * from jsonb_populate_record(null::bridge.message, '{"id": "01a22f4f-5ca7-748f-8ae7-a4706c2269d4", "body": {"data": [{"id": "01a22f4f-5ca7-748f-8ae7-a4706c2269d4:0", "table": "orders", "record": {"id": 2}, "schema": "public", "operation": "INSERT", "old_record": null}], "type": "order.created", "timestamp": "2026-12-01T01:54:19.943349Z", "transaction": {"id": "755", "role": "postgres", "actor": null}}, "state": "dead", "tried": [], "due_at": "2026-12-01T01:54:19.943534+00:00", "target": "handle_order", "ordered": false, "webhook": "order.created", "attempts": 0, "created_at": "2026-12-01T01:54:19.943534+00:00", "last_error": "HTTP 500", "delivered_at": null}');
insert into bridge.message select * from jsonb_populate_record(null::bridge.message, '{"id": "01a22f4f-5ca8-7435-be94-dac75634f4ee", "body": {"data": [{"id": "01a22f4f-5ca8-7435-be94-dac75634f4ee:0", "table": "orders", "record": {"id": 3}, "schema": "public", "operation": "INSERT", "old_record": null}], "type": "order.created", "timestamp": "2026-12-01T01:54:19.944492Z", "transaction": {"id": "758", "role": "postgres", "actor": null}}, "state": "pending", "tried": [], "due_at": "2026-12-01T01:54:19.944508+00:00", "target": "handle_order", "ordered": false, "webhook": "order.created", "attempts": 0, "created_at": "2026-12-01T01:54:19.944583+00:00", "last_error": null, "delivered_at": null}');
insert into bridge.message select * from jsonb_populate_record(null::bridge.message, '{"id": "01a22f4f-5ca8-7d06-b6ca-5c0dde736aa4", "body": {"data": [{"id": "01a22f4f-5ca8-7d06-b6ca-5c0dde736aa4:0", "table": "orders", "record": {"id": 4}, "schema": "public", "operation": "INSERT", "old_record": null}], "type": "order.created", "timestamp": "2026-12-01T01:54:19.944843Z", "transaction": {"id": "760", "role": "postgres", "actor": null}}, "state": "pending", "tried": [], "due_at": "2026-12-01T01:54:19.944856+00:00", "target": "handle_order", "ordered": false, "webhook": "order.created", "attempts": 0, "created_at": "2026-12-01T01:54:19.944867+00:00", "last_error": null, "delivered_at": null}');
insert into bridge.posted select * from jsonb_populate_record(null::bridge.posted, '{"ping": false, "targets": ["handle_order"], "posted_at": "2026-12-01T01:54:19.942729+00:00", "signed_at": 1796090059, "message_id": "01a22f4f-5ca4-71ae-a639-736bae76c700", "request_id": 1}');
insert into bridge.posted select * from jsonb_populate_record(null::bridge.posted, '{"ping": false, "targets": [], "posted_at": "2026-12-01T01:54:19.944031+00:00", "signed_at": 1796090059, "message_id": "01a22f4f-5ca7-7d58-9ef1-00130e720d99", "request_id": 2}');
insert into bridge.target select * from jsonb_populate_record(null::bridge.target, '{"url": null, "kind": "queue", "name": "handle_order", "ordered": false, "failures": 0, "failed_at": null, "fast_path": true, "paused_at": null, "held_until": "-infinity", "slow_until": "-infinity", "failing_since": null, "gives_receipts": false, "paused_because": null}');
insert into bridge.webhook select * from jsonb_populate_record(null::bridge.webhook, '{"name": "order.created", "columns": null, "enabled": true, "ordered": false, "targets": ["handle_order"], "condition": null, "paused_at": null, "operations": ["insert"], "table_name": "orders", "declaration": {"name": "order.created", "when": null, "table": "public.orders", "columns": null, "enabled": true, "targets": ["handle_order"], "operations": ["insert"]}, "table_schema": "public", "admitted_until": "-infinity", "max_per_minute": null, "paused_because": null}');
