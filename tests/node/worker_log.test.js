/** A worker counts and logs what became of its events, and nothing of what is in them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { db, MESSAGE_ID, numbered, output, queued } from './support.js'
import { leaveEffect, make, prepare, run, WORKER } from './workers.js'

prepare()

test('should count outcomes by worker', async () => {
  const [good, bad] = numbered(2)
  bad.record = { poison: 'x' }
  const handler = make(leaveEffect)

  const lines = await output(() => run(handler, good, good, bad))

  const [metrics] = lines.filter((line) => line._aws)
  const { CloudWatchMetrics } = metrics._aws
  assert.deepEqual(CloudWatchMetrics[0].Dimensions, [['worker']])
  assert.equal(CloudWatchMetrics[0].Namespace, 'ExternalCompute/test')
  assert.equal(metrics.worker, WORKER)
  assert.deepEqual(
    [metrics.EventProcessed, metrics.EventDuplicate, metrics.EventFailed].map(Number),
    [1, 1, 1],
  )
  assert.ok(Number(metrics.DatabaseWait) > 0)
  const again = await output(() => run(handler, good))
  assert.equal(again.find((line) => line._aws)?.EventFailed, undefined)
})

test('should log the event but nothing of its record', async () => {
  await db`create unique index on public.effect (event)`
  await db`insert into public.effect values ('private')`
  const violate = make(async (_event, sql) => {
    await sql`insert into public.effect values ('private')`
  })

  const lines = await output(() => run(violate, queued({ note: 'private' })))

  const [failed] = lines.filter((line) => line.message === 'event failed')
  assert.deepEqual(
    [failed.level, failed.event_id, failed.webhook, failed.error, failed.sqlstate, failed.constraint],
    ['ERROR', `${MESSAGE_ID}:0`, 'order.created', 'PostgresError', '23505', 'effect_event_idx'],
  )
  assert.equal(failed.message_id, MESSAGE_ID)
  assert.ok(failed.stack.some((/** @type {string} */ frame) => frame.includes('worker_log.test.js')))
  assert.doesNotMatch(JSON.stringify(failed), /private/)
})

for (const [code, statement] of [
  ['22P02', "select 'private'::uuid"],
  ['P0001', "do $$ begin raise exception 'private'; end $$"],
  ['23505', "do $$ begin raise unique_violation using message = 'private'; end $$"],
  ['BR001', "do $$ begin raise exception 'private' using errcode = 'BR001'; end $$"],
]) {
  test(`should log nothing of a message of Postgres that quotes values: ${code}`, async () => {
    const handler = make((_event, sql) => sql.unsafe(statement))

    const [failed] = await output(() => run(handler, queued({})))

    assert.deepEqual([failed.error, failed.sqlstate], ['PostgresError', code])
    assert.doesNotMatch(JSON.stringify(failed), /private/)
  })
}

test('should log what Postgres says of objects, and whose statement it was', async () => {
  const handler = make((_event, sql) => sql.unsafe('select * from public.none'))

  const [failed] = await output(() => run(handler, queued({})))

  assert.deepEqual([failed.sqlstate, failed.reason], ['42P01', 'relation "public.none" does not exist'])
  assert.match(failed.stack[0], /worker_log\.test\.js/)
})

test('should log nothing of the message of an unknown error', async () => {
  const handler = make(() => {
    throw new RangeError('private\n    at private (private.js:1:1)')
  })

  const [failed] = await output(() => run(handler, queued({})))

  assert.equal(failed.error, 'RangeError')
  assert.doesNotMatch(JSON.stringify(failed), /private/)
})

test("should give a handler's own log lines the event's id", async () => {
  const handler = make((_event, _sql, { log }) => log.info('made', { size: 1 }))

  const [made, processed] = await output(() => run(handler, ...numbered(1)))

  assert.deepEqual(
    [made.message, made.size, made.event_id, made.webhook],
    ['made', 1, `${MESSAGE_ID}:0`, 'order.created'],
  )
  assert.equal(processed.message, 'event processed')
})
