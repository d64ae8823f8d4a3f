/** A worker takes effect once for each event, in one transaction, and hands each row over as it is. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Event, worker } from 'bridge'
import fc from 'fast-check'

import { db, MESSAGE_ID, numbered, output, queued } from './support.js'
import { leaveEffect, make, prepare, remembered, run, seen, using, WORKER } from './workers.js'

prepare()

test('should handle each event of a batch', async () => {
  assert.deepEqual(await run(make(leaveEffect), ...numbered(10)), [])

  assert.deepEqual(
    await seen(),
    numbered(10).map((event) => event.id),
  )
})

test('should remember the event with its effect', async () => {
  await run(make(leaveEffect), ...numbered(1))

  assert.deepEqual(await remembered(), [[WORKER, `${MESSAGE_ID}:0`]])
})

test('should skip a duplicate', async () => {
  const handler = make(leaveEffect)

  assert.deepEqual(await run(handler, ...numbered(1), ...numbered(1)), [])
  assert.deepEqual(await run(handler, ...numbered(1)), [])

  assert.equal((await seen()).length, 1)
})

test('should take effect once when duplicates run side by side', async () => {
  const handlers = Array.from({ length: 4 }, () => make(leaveEffect))

  await Promise.all(handlers.map((handler) => run(handler, ...numbered(5))))

  assert.deepEqual(
    await seen(),
    numbered(5).map((event) => event.id),
  )
})

test('should fail a poison event alone and without effect', async () => {
  const [good, bad, other] = numbered(3)
  bad.record = { poison: 'private' }

  assert.deepEqual(await run(make(leaveEffect), good, bad, other), ['record-1'])

  assert.deepEqual(await seen(), [good.id, other.id])
  assert.equal((await remembered()).length, 2)
})

test('should handle an event again that failed', async () => {
  const handler = make(leaveEffect)
  const [event] = numbered(1)

  assert.deepEqual(await run(handler, { ...event, record: { poison: 'once' } }), ['record-0'])
  assert.deepEqual(await run(handler, event), [])

  assert.equal((await seen()).length, 1)
})

for (const body of ['', '{}', 'no json', '[1]', 'null']) {
  test(`should fail what is no event: ${body}`, async () => {
    assert.deepEqual(await run(make(leaveEffect), body, ...numbered(1)), ['record-0'])

    assert.equal((await seen()).length, 1)
  })
}

for (const statement of ['commit', 'rollback', 'rollback; begin']) {
  test(`should not take a transaction for committed that its handler ended: ${statement}`, async () => {
    const handler = make(async (event, sql) => {
      await leaveEffect(event, sql, /** @type {any} */ ({}))
      await sql.unsafe(statement)
    })

    const lines = await output(async () => assert.deepEqual(await run(handler, ...numbered(1)), ['record-0']))

    assert.equal(lines[0].error, 'LostTransactionError')
  })
}

test('should fail an event whose handler hides a failed statement', async () => {
  const handler = make(async (event, sql) => {
    await leaveEffect(event, sql, /** @type {any} */ ({}))
    await sql`select 1 / 0`.catch(() => {})
  })

  const lines = await output(async () => assert.deepEqual(await run(handler, ...numbered(1)), ['record-0']))

  assert.equal(lines[0].sqlstate, '22012')
  assert.deepEqual(await seen(), [])
})

test('should commit what survived a savepoint', async () => {
  const handler = make(async (event, sql) => {
    await sql.savepoint((inner) => inner`select 1 / 0`).catch(() => {})
    await leaveEffect(event, sql, /** @type {any} */ ({}))
  })

  assert.deepEqual(await run(handler, ...numbered(1)), [])
  assert.equal((await seen()).length, 1)
})

// What a jsonb column can hold: no NUL, no lone surrogates, no negative zero.
const TEXT = fc.string({ unit: 'binary' }).map((text) => text.toWellFormed().replaceAll('\0', ''))
// JSON writes a whole double beyond 2^53 as an integer, which is handed over as its digits.
const isExact = (/** @type {number} */ number) => !Number.isInteger(number) || Number.isSafeInteger(number)
const { tree } = fc.letrec((/** @type {any} */ tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter(isExact)
      .map((number) => number || 0),
    TEXT,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(TEXT, tie('tree'), { maxKeys: 3 }),
  ),
}))

test('should hand any row to the handler unchanged', async () => {
  const handed = /** @type {any[]} */ ([])
  const handler = make((event) => handed.push(event.record))
  await fc.assert(
    fc.asyncProperty(fc.dictionary(TEXT, tree, { maxKeys: 4 }), async (row) => {
      await db`delete from bridge.processed_event`
      // As Postgres writes them, a double is a number of up to 309 digits.
      const body = JSON.stringify(queued(row))
      assert.deepEqual(await run(handler, body), [])
      assert.equal(JSON.stringify(handed.pop()), JSON.stringify(JSON.parse(body).record))
    }),
    { numRuns: 50 },
  )
})

test('should hand the first integer that a double may have rounded as its digits', async () => {
  const handed = /** @type {any[]} */ ([])
  const handler = make((event) => handed.push(event.record))

  assert.deepEqual(await run(handler, queued({ least: -(2 ** 53), most: 2 ** 53, held: 2 ** 53 - 1 })), [])

  assert.deepEqual(handed, [{ least: '-9007199254740992', most: '9007199254740992', held: 9007199254740991 }])
})

test('should stay callable with an event and a connection', async () => {
  const handler = worker(leaveEffect)

  await db.begin((sql) => handler(Event.parse(JSON.stringify(queued({}))), sql))

  assert.equal((await seen()).length, 1)
  assert.deepEqual(await remembered(), [])
})

test('should not be taken by Lambda for a function that answers by a callback', () => {
  assert.ok(worker(leaveEffect).length <= 2)
})

for (const name of ['WORKER', 'QUEUE_URL', 'DATABASE_SECRET_ID', 'DATABASE_TLS']) {
  test(`should name a setting that is missing: ${name}`, async () => {
    await using({ [name]: undefined }, () =>
      assert.rejects(run(worker(leaveEffect), ...numbered(1)), {
        name: 'SettingsError',
        message: `the environment variable ${name} is not set`,
      }),
    )
  })
}
