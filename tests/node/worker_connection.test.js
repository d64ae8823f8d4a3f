/** A worker keeps one connection, and fails only the events that lose it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { createSecret, DATABASE_URL, numbered, output, putSecret, terminate, until } from './support.js'
import { leaveEffect, make, prepare, run, seen, using } from './workers.js'

prepare()

test('should use one connection for all batches, and another after it broke while idle', async () => {
  const pids = /** @type {number[]} */ ([])
  const handler = make(async (_event, sql) => {
    const [{ pid }] = await sql`select pg_backend_pid() as pid`
    pids.push(pid)
  })
  const events = numbered(3)

  await run(handler, events[0])
  await run(handler, events[1])
  await terminate(pids[0])
  assert.deepEqual(await run(handler, events[2]), [])

  assert.equal(pids[0], pids[1])
  assert.notEqual(pids[0], pids[2])
})

test('should read the secret again when the password has changed', async () => {
  const secret = await createSecret({ database_url: DATABASE_URL.replace('postgres:', 'postgres:old') })
  const handler = make(leaveEffect)
  await using({ DATABASE_SECRET_ID: secret }, async () => {
    assert.deepEqual(await run(handler, ...numbered(1)), ['record-0'])
    await putSecret(secret, { database_url: DATABASE_URL })
    assert.deepEqual(await run(handler, ...numbered(1)), [])
  })
})

test('should report every event when the database is out of reach', async () => {
  const unreachable = await createSecret({
    database_url: 'postgresql://postgres:hunter2@127.0.0.1:9/postgres',
  })
  const handler = make(leaveEffect)

  const lines = await output(() =>
    using({ DATABASE_SECRET_ID: unreachable }, async () => {
      assert.deepEqual(await run(handler, ...numbered(3)), ['record-0', 'record-1', 'record-2'])
    }),
  )

  assert.match(JSON.stringify(lines), /cannot connect to Postgres at 127\.0\.0\.1:9: connect ECONNREFUSED/)
  assert.doesNotMatch(JSON.stringify(lines), /hunter2/)
})

test('should fail only the event whose connection breaks', async () => {
  const handler = make(async (event, sql) => {
    const [{ pid }] = await sql`select pg_backend_pid() as pid`
    if (event.row.id === 1) await terminate(pid)
    await leaveEffect(event, sql, /** @type {any} */ ({}))
  })

  assert.deepEqual(await run(handler, ...numbered(4)), ['record-1'])

  assert.equal((await seen()).length, 3)
})

test('should have no effect after the connection broke, whatever the handler still does', async () => {
  const became = { fulfilled: 0, rejected: 0 }
  const handler = make(async (event, sql) => {
    const [{ pid }] = await sql`select pg_backend_pid() as pid`
    await terminate(pid)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      sql`insert into public.effect values (${event.id})`.then(
        () => (became.fulfilled += 1),
        () => (became.rejected += 1),
      )
      await sleep(50)
    }
  })

  const lines = await output(async () => assert.deepEqual(await run(handler, ...numbered(1)), ['record-0']))
  await until(async () => became.fulfilled + became.rejected === 3)

  assert.equal(became.fulfilled, 0)
  assert.deepEqual(await seen(), [])
  assert.equal(lines[0].reason, 'the connection to Postgres was lost')
  assert.deepEqual(await run(make(leaveEffect), ...numbered(1)), [])
})
