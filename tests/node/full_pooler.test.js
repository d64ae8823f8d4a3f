/** A pooler without a free connection, and a connection that is gone without a word, are told apart. */

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, afterEach, mock, test } from 'node:test'

import { SQSClient } from '@aws-sdk/client-sqs'

import { Database } from '../../lambda_src/node/src/database.js'
import { FULL_POOLER_SECONDS, LONGEST_SECONDS } from '../../lambda_src/node/src/retries.js'
import { createLine, errorResponse } from './line.js'
import { createSecret, disconnect, invoke, listen, numbered, output, records } from './support.js'
import { leaveEffect, make, prepare, using } from './workers.js'

prepare()

/** @type {(() => unknown)[]} */
let endings = []

afterEach(async () => {
  for (const end of endings) await end()
  endings = []
  mock.restoreAll()
})

after(disconnect)

/** @param {Parameters<typeof createLine>[0]} intercept */
async function lineWith(intercept) {
  const line = await createLine(intercept)
  endings.push(line.close)
  return line
}

/** @param {{ url: string }} line */
async function databaseOn({ url }) {
  const database = new Database(await createSecret({ database_url: url }), {
    tls: 'disable',
    applicationName: 'full',
  })
  endings.push(() => database.close())
  return database
}

/**
 * @param {Database} database
 * @param {number} [timeoutMs]
 */
async function backend(database, timeoutMs = 8_000) {
  const [row] = await database.transaction((sql) => sql`select pg_backend_pid() as pid`, { timeoutMs })
  return row.pid
}

/**
 * Ends the connection at BEGIN with these words; without them, without a word.
 *
 * @param {string} [words]
 * @returns {Parameters<typeof createLine>[0]}
 */
function refusing(words) {
  return (data, client) => {
    if (!data.includes('begin ')) return false
    client.end(words ? errorResponse(words) : '')
    return true
  }
}

for (const words of [
  'query_wait_timeout',
  'no more connections allowed (max_client_conn)',
  '(EMAXCONN) max client connections reached, limit: 200',
  '(ECHECKOUTTIMEOUT) unable to check out connection from the pool after 15000ms in Transaction mode',
  '(ECHECKOUTTIMEOUT) connection not available and checkout timed out after 5000ms.\n\nYou can …',
  'Unable to check out process from the pool due to timeout',
  'sorry, too many clients already',
  'too many connections for role "postgres"',
  'Remaining connection slots are reserved for roles with the SUPERUSER attribute',
]) {
  test(`should believe a pooler that says it is full: ${words}`, async () => {
    const line = await lineWith(refusing(words))
    const said = words.replace(/\s+/g, ' ')

    await assert.rejects(backend(await databaseOn(line)), (/** @type {Error} */ error) => {
      assert.equal(error.name, 'PoolerFullError')
      assert.equal(
        error.message,
        `no transaction could be begun: ${said}; lower max_concurrency, or give the pooler more`,
      )
      return true
    })
    assert.equal(line.clients, 1)
  })
}

test('should say what ended two connections before anything had begun', async () => {
  const line = await lineWith(refusing('the database system is shutting down'))

  await assert.rejects(backend(await databaseOn(line)), {
    name: 'DatabaseUnavailableError',
    message:
      'no transaction could be begun: the connection to Postgres was lost: the database system is shutting down',
  })
  assert.equal(line.clients, 2)
})

test('should say that two connections were lost without a word', async () => {
  const line = await lineWith(refusing())

  await assert.rejects(backend(await databaseOn(line)), {
    name: 'DatabaseUnavailableError',
    message: 'no transaction could be begun: the connection to Postgres was lost',
  })
})

test('should not take a name for what a full pooler says', async () => {
  const line = await lineWith(() => false)
  const url = line.url.replace(/\/[^/]*$/, '/checkout')

  await assert.rejects(backend(await databaseOn({ url })), {
    name: 'DatabaseUnavailableError',
    message: /: database "checkout" does not exist$/,
  })
})

test('should say that the pooler is full when it refuses the login', async () => {
  const line = await lineWith((_data, client) =>
    client.end(errorResponse('no more connections allowed (max_client_conn)')),
  )

  await assert.rejects(backend(await databaseOn(line)), {
    name: 'PoolerFullError',
    message: /^cannot connect to Postgres at .*: no more connections allowed \(max_client_conn\); lower/,
  })
})

test('should say that the pooler is full when it answers the login and nothing else', async () => {
  const line = await lineWith((data) => data.includes('select 1'))

  await assert.rejects(backend(await databaseOn(line), 1_000), {
    name: 'PoolerFullError',
    message: /: no answer within 1000 ms; lower max_concurrency/,
  })
})

test('should say what ended a connection just after its login', async () => {
  const line = await lineWith((data, client) => {
    if (!data.includes('select 1')) return false
    client.end(errorResponse('query_wait_timeout'))
    return true
  })

  await assert.rejects(backend(await databaseOn(line)), {
    name: 'PoolerFullError',
    message: /: query_wait_timeout; lower/,
  })
})

test('should not take a server for full that never answers the login', async () => {
  const server = createServer(() => {})
  const port = await listen(server)
  endings.push(() => server.close())
  const database = await databaseOn({ url: `postgresql://u:p@127.0.0.1:${port}/d` })

  await assert.rejects(backend(database, 500), { name: 'DatabaseUnavailableError' })
})

/** A line whose first connection, once told, takes everything and answers nothing. */
async function createHalfOpenLine() {
  let gone = false
  const line = await lineWith((_data, _client, number) => gone && number === 0)
  return { line, forget: () => (gone = true) }
}

/** @param {number} ms that seem to have passed */
function later(ms) {
  const now = Date.now
  mock.method(Date, 'now', () => now() + ms)
}

test('should soon give up a connection that is gone since it idled, for a new one', async () => {
  const { line, forget } = await createHalfOpenLine()
  const database = await databaseOn(line)
  const pid = await backend(database)
  forget()
  later(60_001)
  const began = performance.now()

  const other = await backend(database, 60_000)

  assert.notEqual(other, pid)
  assert.ok(performance.now() - began < 8_000)
})

test('should leave half of the patience to the new connection', async () => {
  const recovers = async () => {
    const { line, forget } = await createHalfOpenLine()
    const database = await databaseOn(line)
    const pid = await backend(database)
    forget()
    later(60_001)
    return (await backend(database, 2_000).catch(() => pid)) !== pid
  }

  // Half of it is a second, in which a busy machine may not even log in.
  assert.ok((await recovers()) || (await recovers()) || (await recovers()))
})

test('should take a pooler for full that is silent on a connection just used, and recover', async () => {
  const { line, forget } = await createHalfOpenLine()
  const database = await databaseOn(line)
  const pid = await backend(database)
  forget()

  await assert.rejects(backend(database, 1_000), {
    name: 'PoolerFullError',
    message: /^no transaction could be begun: no answer within 1000 ms; lower max_concurrency/,
  })

  assert.notEqual(await backend(database), pid)
})

for (const [words, receives, seconds] of /** @type {[string, string, number][]} */ ([
  ['query_wait_timeout', '1', FULL_POOLER_SECONDS],
  ['query_wait_timeout', '2', LONGEST_SECONDS],
  ['the database system is shutting down', '1', LONGEST_SECONDS],
])) {
  test(`should postpone all events: ${words}, received ${receives} times, by ${seconds} s`, async () => {
    const line = await lineWith(refusing(words))
    const { mock: sent } = mock.method(SQSClient.prototype, 'send', async () => ({}))
    const batch = records(...numbered(3))
    for (const record of batch.Records) record.attributes.ApproximateReceiveCount = receives

    await using({ DATABASE_SECRET_ID: await createSecret({ database_url: line.url }) }, () =>
      output(async () => assert.equal((await invoke(make(leaveEffect), batch)).length, 3)),
    )

    const entries = sent.calls.flatMap((call) => /** @type {any} */ (call.arguments[0]).input.Entries)
    assert.deepEqual(
      entries.map((entry) => entry.VisibilityTimeout),
      [seconds, seconds, seconds],
    )
  })
}

test('should name the seconds that a momentarily full pooler takes', () => {
  assert.equal(FULL_POOLER_SECONDS, 60)
})
