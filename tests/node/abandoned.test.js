/** A transaction that its caller has given up never commits, wherever it was. */

import assert from 'node:assert/strict'
import { after, afterEach, beforeEach, test } from 'node:test'

import { Database } from '../../lambda_src/node/src/database.js'
import { createLine } from './line.js'
import { connections, createSecret, db, disconnect, until } from './support.js'

const NAME = 'abandoned'
const OVER = new RangeError('its time is over')
/** @type {Awaited<ReturnType<typeof createLine>>} */
let line
/** @type {Database} */
let database
/** @type {AbortController} */
let caller

beforeEach(async () => {
  line = await createLine()
  const secretId = await createSecret({ database_url: line.url })
  database = new Database(secretId, { tls: 'disable', applicationName: NAME })
  caller = new AbortController()
  await db`drop table if exists public.made`
})

afterEach(async () => {
  await database.close()
  line.close()
})

after(disconnect)

function begin() {
  return database.transaction((sql) => sql`create table public.made ()`, {
    timeoutMs: 5_000,
    signal: caller.signal,
  })
}

/** @param {Promise<unknown>} begun */
async function giveUp(begun) {
  caller.abort(OVER)
  await database.close()
  line.release()
  await assert.rejects(begun, OVER)
}

async function assertWithoutEffect() {
  assert.equal((await db`select to_regclass('public.made') is null as none`)[0].none, true)
  await until(async () => (await connections(NAME)).length === 0)
}

test('should not begin for a caller that has given up', async () => {
  await giveUp(Promise.resolve().then(begin))

  await assertWithoutEffect()
})

test('should drop a connection that comes too late', async () => {
  line.hold()
  const begun = begin()
  await line.answered()

  await giveUp(begun)

  await assertWithoutEffect()
})

test('should not begin again on another connection', async () => {
  await database.transaction((sql) => sql`select 1`, { timeoutMs: 5_000 })
  line.hold()
  const begun = begin()
  await line.answered()

  caller.abort(OVER)
  line.cut()
  line.release()

  await assert.rejects(begun, OVER)
  await assertWithoutEffect()
})

test('should not go on with a transaction that it was about to begin', async () => {
  await database.transaction((sql) => sql`select 1`, { timeoutMs: 5_000 })
  line.hold()
  const begun = begin()
  await line.answered()

  caller.abort(OVER)
  line.release()

  await assert.rejects(begun, OVER)
  assert.equal((await db`select to_regclass('public.made') is null as none`)[0].none, true)
})
