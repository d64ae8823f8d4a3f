/** Through PgBouncer in transaction mode, whose every transaction may be on another connection. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { Database } from '../../lambda_src/node/src/database.js'
import { createSecret, disconnect, environment } from './support.js'

const URL = environment('POOLED_DATABASE_URL')

after(disconnect)

async function make() {
  return new Database(await createSecret({ database_url: URL }), { tls: 'disable', applicationName: 'unit' })
}

test('should work through a pooler in transaction mode', async () => {
  const database = await make()
  for (let index = 0; index < 8; index += 1) {
    const [row] = await database.transaction(
      (sql) => sql`select ${index}::int as index, current_setting('statement_timeout') as t`,
      {
        timeoutMs: 12_345,
      },
    )
    assert.deepEqual({ ...row }, { index, t: '12345ms' })
  }
  await database.close()
})

test('should say that the pooler is full, and recover', async () => {
  const databases = await Promise.all(Array.from({ length: 21 }, make))
  const { promise: finish, resolve } = Promise.withResolvers()
  const begun = databases.slice(0, 20).map((database) => {
    const { promise, resolve: tell } = Promise.withResolvers()
    const done = database.transaction(
      async (sql) => {
        await sql`select 1`
        tell(null)
        await finish
      },
      { timeoutMs: 30_000 },
    )
    return { promise, done }
  })
  await Promise.all(begun.map(({ promise }) => promise))
  const [last] = databases.slice(20)

  await assert.rejects(
    last.transaction((sql) => sql`select 1`, { timeoutMs: 500 }),
    {
      name: 'PoolerFullError',
      message: /^(no transaction could be begun|cannot connect to Postgres).*: no answer within \d+ ms/,
    },
  )
  resolve(null)
  await Promise.all(begun.map(({ done }) => done))
  assert.equal((await last.transaction((sql) => sql`select 1 as one`, { timeoutMs: 5_000 }))[0].one, 1)
  await Promise.all(databases.map((database) => database.close()))
})
