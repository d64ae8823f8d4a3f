/** The connection is lazy, made again after a drop, and its errors name no secret. */

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { Database } from '../../lambda_src/node/src/database.js'
import { refresh } from '../../lambda_src/node/src/secrets.js'
import {
  connections,
  createSecret,
  DATABASE_URL,
  db,
  disconnect,
  listen,
  putSecret,
  terminate,
  until,
} from './support.js'

/** @type {Database[]} */
let made = []

beforeEach(async () => {
  await db`drop table if exists public.made`
})

afterEach(async () => {
  await Promise.all(made.map((database) => database.close()))
  made = []
})

after(disconnect)

/** @param {{ url?: string, tls?: string, secret?: string }} [options] */
async function make({ url = DATABASE_URL, tls = 'disable', secret } = {}) {
  const secretId = secret ?? (await createSecret({ database_url: url }))
  const database = new Database(secretId, { tls, applicationName: 'unit' })
  made.push(database)
  return database
}

/**
 * @param {Database} database
 * @param {string} query
 * @param {number} [timeoutMs]
 * @returns {Promise<any>} the first row's value
 */
async function value(database, query, timeoutMs = 5_000) {
  const [row] = await database.transaction((sql) => sql.unsafe(query).values(), { timeoutMs })
  return row?.[0]
}

test('should commit at the end of a transaction', async () => {
  await value(await make(), 'create table public.made ()')

  assert.equal((await db`select to_regclass('public.made') is not null as found`)[0].found, true)
})

test('should roll back on an error', async () => {
  const database = await make()
  const failing = database.transaction(
    async (sql) => {
      await sql`create table public.made ()`
      throw new RangeError('no')
    },
    { timeoutMs: 5_000 },
  )

  await assert.rejects(failing, RangeError)
  assert.equal((await db`select to_regclass('public.made') is null as gone`)[0].gone, true)
})

test('should use one connection that shows its name', async () => {
  const database = await make()

  assert.equal(
    await value(database, 'select pg_backend_pid()'),
    await value(database, 'select pg_backend_pid()'),
  )
  assert.equal(await value(database, 'show application_name'), 'unit')
})

test('should make one connection for transactions that overlap, and leave none', async () => {
  const database = await make()

  const [one, other] = await Promise.all([
    value(database, 'select pg_backend_pid()'),
    value(database, 'select pg_backend_pid()'),
  ])

  assert.equal(one, other)
  await database.close()
  await until(async () => (await connections('unit')).length === 0)
})

test('should connect again after it could not', async () => {
  const secret = await createSecret({ database_url: '' })
  const database = await make({ secret })
  const failing = [value(database, 'select 1'), value(database, 'select 1')]
  for (const failed of failing) await assert.rejects(failed, { name: 'UnfilledSecretError' })
  await putSecret(secret, { database_url: DATABASE_URL })
  await refresh(secret)

  assert.equal(await value(database, 'select 1'), 1)
})

test('should show the request in pg_stat_activity, and any name safely', async () => {
  const database = await make()
  const query = 'select application_name from pg_stat_activity where pid = pg_backend_pid()'
  const shown = await database.transaction((sql) => sql.unsafe(query).values(), {
    timeoutMs: 5_000,
    requestId: `x'; select 1 -- \\ ${'1'.repeat(36)}`,
  })

  assert.match(shown[0][0], /^unit [\w?-]{40}$/)
})

test('should stop a statement that takes too long', async () => {
  const database = await make()
  await value(database, 'select 1')

  await assert.rejects(value(database, 'select pg_sleep(5)', 500), { code: '57014' })
})

test('should not hold locks when the function stops half-way', async () => {
  const database = await make()
  await value(database, 'select 1')
  const idle = database.transaction(
    async (sql) => {
      await sql`lock table bridge.message`
      await sleep(1_500)
      await sql`select 1`
    },
    { timeoutMs: 500 },
  )

  await assert.rejects(idle, { name: 'LostConnectionError' })
  assert.equal(
    (await db`select count(*)::int as held from pg_locks where relation = 'bridge.message'::regclass`)[0]
      .held,
    0,
  )
})

test('should leave no setting behind', async () => {
  const database = await make()
  const pid = await value(database, 'select pg_backend_pid()')

  assert.equal(await value(database, 'show statement_timeout', 1_234), '1234ms')
  assert.equal(await value(database, 'show idle_in_transaction_session_timeout', 4_321), '4321ms')
  assert.equal(await value(database, 'select pg_backend_pid()'), pid)
})

test('should connect again after a drop while idle, at once', async () => {
  const database = await make()
  const pid = await value(database, 'select pg_backend_pid()')
  await terminate(pid)

  assert.notEqual(await value(database, 'select pg_backend_pid()'), pid)
})

test('should connect again after a drop in a transaction', async () => {
  const database = await make()
  await assert.rejects(value(database, 'select pg_terminate_backend(pg_backend_pid())'))

  assert.ok(await value(database, 'select pg_backend_pid()'))
})

test('should connect again after it was closed', async () => {
  const database = await make()
  await database.close()
  await value(database, 'select 1')
  await database.close()
  await database.close()

  assert.equal(await value(database, 'select 1'), 1)
})

test('should read the secret again when the password has changed', async () => {
  const secret = await createSecret({ database_url: DATABASE_URL.replace('postgres:', 'postgres:old') })
  const database = await make({ secret })
  await assert.rejects(value(database, 'select 1'), { name: 'DatabaseUnavailableError' })
  await putSecret(secret, { database_url: DATABASE_URL })

  assert.equal(await value(database, 'select 1'), 1)
})

test('should name host and reason but not the password', async () => {
  const url = new URL(DATABASE_URL)
  const database = await make({ url: `postgresql://postgres:hunter2@${url.host}/postgres` })

  await assert.rejects(value(database, 'select 1'), (/** @type {Error} */ error) => {
    assert.equal(error.name, 'DatabaseUnavailableError')
    assert.match(
      error.message,
      new RegExp(`cannot connect to Postgres at 127.0.0.1:${url.port}: password authentication`),
    )
    return !JSON.stringify([error, error.stack, error.cause]).includes('hunter2')
  })
})

for (const url of [
  'hunter2',
  'postgresql:/u:hunter2@h/d',
  'postgresql://u:hunter2%zz@h/d',
  'postgresql://u:hunter2@h:x/d',
  'postgresql://:hunter2@h/d',
  'mysql://u:hunter2@h/d',
]) {
  test(`should not quote a URL that is none: ${url}`, async () => {
    const database = await make({ url })

    await assert.rejects(value(database, 'select 1'), {
      name: 'SecretError',
      message: /^"database_url" of secret "[^"]+" is not of the form postgresql:(?!.*hunter2)/,
    })
  })
}

test('should let the settings decide, whatever else the URL says', async () => {
  const database = await make({ url: `${DATABASE_URL}?sslmode=require&application_name=x&pgbouncer=true` })

  assert.equal(await value(database, 'show application_name'), 'unit')
})

test('should say what to do when the server has no TLS', async () => {
  const database = await make({ tls: 'verify-full' })

  await assert.rejects(value(database, 'select 1'), {
    name: 'DatabaseUnavailableError',
    message: /server does not support SSL; .*set database_tls = "disable" \(now "verify-full"\)/,
  })
})

test('should refuse an unknown TLS mode', async () => {
  await assert.rejects(make({ tls: 'prefer' }), {
    name: 'SettingsError',
    message: /DATABASE_TLS is "prefer", but must be one of: disable, require, verify-ca, verify-full/,
  })
})

test('should not wait for ever for a server that is silent', async () => {
  const sockets = new Set()
  const server = createServer((socket) => sockets.add(socket))
  const port = await listen(server)
  const database = await make({ url: `postgresql://u:p@127.0.0.1:${port}/d` })

  await assert.rejects(value(database, 'select 1', 500), {
    message: new RegExp(`127.0.0.1:${port}: no answer within 500 ms`),
  })
  for (const socket of sockets) socket.destroy()
  server.close()
})

test('should read JSON as exactly as events are', async () => {
  const database = await make()

  assert.deepEqual(await value(database, `select '{"n": 0.1000000000000000000000001}'::jsonb`), {
    n: '0.1000000000000000000000001',
  })
})

test('should hand texts to Postgres as they are', async () => {
  const database = await make()

  const [row] = await database.transaction(
    (sql) => sql`
      select ${'2026-01-01T00:00:00.123456+00:00'}::timestamptz::text as at, ${'false'}::boolean as flag,
             ${true}::boolean as set, ${new Date(0)}::timestamptz = 'epoch' as epoch,
             ${'12345678901234567890.5'}::numeric as n,
             1 in ${sql([1, 2])} as listed, ${sql.json({ a: 1 })}::jsonb as object`,
    { timeoutMs: 5_000 },
  )

  assert.match(row.at, /\.123456/)
  assert.deepEqual(
    { ...row, at: '' },
    {
      at: '',
      flag: false,
      set: true,
      epoch: true,
      n: '12345678901234567890.5',
      listed: true,
      object: { a: 1 },
    },
  )
})
