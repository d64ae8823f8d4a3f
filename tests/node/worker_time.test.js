/** A function answers before its time is over, and what it gave up has no effect later. */

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  connections,
  DATABASE_URL,
  invoke,
  listen,
  MESSAGE_ID,
  numbered,
  output,
  records,
  until,
} from './support.js'
import { leaveEffect, make, prepare, run, seen, using, WORKER } from './workers.js'

const PLENTY_MS = 60_000
// What is left of it after the second that the report takes is just enough to begin.
const SHORT_MS = 2_050
const NOTHING_MS = 1_500

prepare()

let held = Promise.resolve()
const secretsManager = createServer(async (request, response) => {
  request.resume()
  await held
  response.end(JSON.stringify({ SecretString: JSON.stringify({ database_url: DATABASE_URL }) }))
})
process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER = `http://127.0.0.1:${await listen(secretsManager)}`

after(() => {
  secretsManager.close()
  secretsManager.closeAllConnections()
})

test('should not begin an event without time to finish it', async () => {
  const failed = await invoke(make(leaveEffect), records(...numbered(2)), [NOTHING_MS])

  assert.deepEqual(failed, ['record-0', 'record-1'])
  assert.deepEqual(await seen(), [])
})

test('should stop a statement before the function is stopped', async () => {
  const handler = make(async (event, sql) => {
    if (event.row.id === 1) await sql`select pg_sleep(30)`
  })

  assert.deepEqual(await invoke(handler, records(...numbered(2)), [PLENTY_MS, SHORT_MS]), ['record-1'])

  await until(async () => (await connections(WORKER)).every(({ query }) => !query.includes('pg_sleep')))
})

test('should not let a handler that hangs take its batch along, nor have an effect later', async () => {
  const { promise: answered, resolve: release } = Promise.withResolvers()
  const { promise: late, resolve: tell } = Promise.withResolvers()
  const handler = make(async (event, sql) => {
    await leaveEffect(event, sql, /** @type {any} */ ({}))
    if (event.row.id !== 1) return
    await answered
    await sql`insert into public.effect values ('late')`.then(tell, (error) => tell(error.name))
  })

  const lines = await output(async () => {
    const failed = await invoke(handler, records(...numbered(3)), [PLENTY_MS, SHORT_MS, NOTHING_MS])
    assert.deepEqual(failed, ['record-1', 'record-2'])
  })
  release(null)

  assert.equal(await late, 'LostConnectionError')
  assert.deepEqual(await seen(), [`${MESSAGE_ID}:0`])
  assert.deepEqual(
    lines.filter((line) => line.error).map((line) => line.error),
    ['TimeLimitError', 'OutOfTimeError'],
  )
})

test('should tell the handler when its time is over', async () => {
  /** @type {unknown} */
  let told
  const handler = make(async (event, _sql, { signal }) => {
    if (event.row.id === 0) return
    await sleep(30_000, undefined, { signal }).catch((error) => {
      told = error.cause.name
      throw error
    })
  })

  assert.deepEqual(await invoke(handler, records(...numbered(2)), [PLENTY_MS, SHORT_MS]), ['record-1'])

  assert.equal(told, 'TimeLimitError')
})

test('should not begin an event later whose time was over while it connected', async () => {
  const handler = make(leaveEffect)
  const [late, next] = numbered(2)
  const { promise, resolve: release } = Promise.withResolvers()
  held = /** @type {Promise<any>} */ (promise)

  await using({ DATABASE_SECRET_ID: 'slow' }, async () => {
    assert.deepEqual(await invoke(handler, records(late), [SHORT_MS]), ['record-0'])
  })
  release(null)

  assert.deepEqual(await run(handler, next), [])
  await until(async () => (await connections(WORKER)).length === 1)
  assert.deepEqual(await seen(), [next.id])
})
