/** What is asked of a transaction after its end is refused, wherever it was made. */

import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { Database } from '../../lambda_src/node/src/database.js'
import { createSecret, DATABASE_URL, db, disconnect, terminate } from './support.js'

/** @typedef {import('postgres').TransactionSql} Sql */

const TIME = { timeoutMs: 10_000 }
const OVER = { name: 'TransactionOverError', message: /await every query/ }
const FILE = join(tmpdir(), `scope-${process.pid}.sql`)
/** @type {Database} */
let database

beforeEach(async () => {
  database = new Database(await createSecret({ database_url: DATABASE_URL }), {
    tls: 'disable',
    applicationName: 'scope',
  })
  await db`drop table if exists public.made`
  await db`create table public.made (name text)`
  await writeFile(FILE, "insert into public.made values ('file')")
})

afterEach(() => database.close())

after(async () => {
  await rm(FILE)
  await disconnect()
})

async function made() {
  return (await db`select name from public.made order by name`).map((row) => row.name)
}

/** @type {[string, (sql: Sql) => PromiseLike<unknown>][]} */
const WAYS = [
  ['a template', (sql) => sql`insert into public.made values ('late')`],
  ['unsafe', (sql) => sql.unsafe("insert into public.made values ('late')")],
  ['file', (sql) => sql.file(FILE)],
  ['notify', (sql) => sql.notify('late', '')],
  ['savepoint', (sql) => sql.savepoint((inner) => inner`insert into public.made values ('late')`)],
]

for (const [name, ask] of WAYS) {
  test(`should work until the end, and refuse what comes later: ${name}`, async () => {
    let kept = /** @type {any} */ (null)
    await database.transaction(async (sql) => {
      kept = sql
      await ask(sql)
    }, TIME)
    await db`delete from public.made`

    await assert.rejects(async () => ask(kept), OVER)

    assert.deepEqual(await made(), [])
  })
}

test('should refuse a query that was made before the end and is awaited after it', async () => {
  /** @type {PromiseLike<unknown> | undefined} */
  let query
  await database.transaction(async (sql) => {
    query = sql`insert into public.made values ('late')`
  }, TIME)

  await assert.rejects(async () => query, OVER)
  assert.deepEqual(await made(), [])
})

test('should let what nobody awaited have no effect in the next transaction', async () => {
  const { promise: next, resolve: begin } = Promise.withResolvers()
  /** @type {Promise<unknown> | undefined} */
  let audit
  await database.transaction(async (sql) => {
    audit = next.then(() => sql`insert into public.made values ('late')`)
  }, TIME)

  await database.transaction(async (sql) => {
    begin(null)
    await assert.rejects(async () => audit, OVER)
    await sql`insert into public.made values ('next')`
  }, TIME)

  assert.deepEqual(await made(), ['next'])
})

test('should refuse after a transaction that failed', async () => {
  let kept = /** @type {any} */ (null)
  const failing = database.transaction(async (sql) => {
    kept = sql
    throw new RangeError('no')
  }, TIME)

  await assert.rejects(failing, RangeError)
  await assert.rejects(async () => kept`select 1`, OVER)
})

test('should tell who came too late', async () => {
  let kept = /** @type {any} */ (null)
  await database.transaction(async (sql) => {
    kept = sql
  }, TIME)

  const error = await Promise.resolve(kept`select 1`).catch((error) => error)

  assert.match(error.stack.split('\n')[1], /scope\.test\.js/)
})

test('should end a savepoint that nobody awaited before the transaction', async () => {
  const { promise: over, resolve: end } = Promise.withResolvers()
  /** @type {Promise<unknown> | undefined} */
  let savepoint
  await database.transaction(async (sql) => {
    await sql`insert into public.made values ('kept')`
    savepoint = sql.savepoint(async (inner) => {
      await inner`insert into public.made values ('undone')`
      end(null)
      await sleep(100)
      await inner`insert into public.made values ('late')`
    })
    savepoint.catch(() => {})
    await over
  }, TIME)

  await assert.rejects(async () => savepoint, OVER)
  assert.deepEqual(await made(), ['kept'])
})

test('should refuse the sql of a savepoint, too', async () => {
  let kept = /** @type {any} */ (null)
  await database.transaction(async (sql) => {
    await sql.savepoint('named', async (inner) => {
      await inner.savepoint(async (innermost) => {
        kept = innermost
      })
    })
  }, TIME)

  await assert.rejects(async () => kept`insert into public.made values ('late')`, OVER)
  assert.deepEqual(await made(), [])
})

test('should send a file that is being read at the end within the transaction', async () => {
  await database.transaction(async (sql) => {
    sql.file(FILE).execute()
  }, TIME)

  assert.deepEqual(await made(), ['file'])
})

test('should leave all of sql as it is', async () => {
  const rows = await database.transaction(async (sql) => {
    await sql`insert into public.made ${sql([{ name: 'a' }, { name: 'b' }])}`
    await /** @type {any} */ (sql.savepoint)`insert into public.made values ('c')`
    const found = []
    for await (const [row] of sql`select name from ${sql('made')} order by name`.cursor(1))
      found.push(row.name)
    for await (const [row] of sql`select name from public.made`.cursor(1)) {
      found.push(row.name)
      break
    }
    const [row] = await sql`
      select ${sql.json({ a: 1 })}::jsonb as json, ${sql.typed('7', 25)} as typed,
             ${sql`1 + 1`} as fragment`
    return [found, { ...row }]
  }, TIME)

  assert.deepEqual(rows, [['a', 'b', 'c', 'a'], { json: { a: 1 }, typed: '7', fragment: 2 }])
})

test('should let no query wait for ever when the connection breaks', async () => {
  const { promise: settled, resolve: tell } = Promise.withResolvers()
  const broken = database.transaction(async (sql) => {
    const [{ pid }] = await sql`select pg_backend_pid() as pid`
    // The parameter lets the second one wait for its turn.
    const before = Promise.allSettled([
      sql`select pg_sleep(${30})`,
      sql`select 1`,
      sql.savepoint((inner) => inner`select 1`),
    ])
    await sleep(100)
    await terminate(pid)
    const found = await before
    for (let attempt = 0; attempt < 3; attempt += 1) {
      found.push(...(await Promise.allSettled([sql`select 1`, sql.savepoint((inner) => inner`select 1`)])))
    }
    tell(found)
  }, TIME)

  await assert.rejects(broken, { name: 'LostConnectionError' })
  const results = /** @type {PromiseSettledResult<unknown>[]} */ (await settled)
  assert.deepEqual(
    results.map(({ status }) => status),
    Array(9).fill('rejected'),
  )
})

test('should let a savepoint that waits for something hold no error back', async () => {
  const { promise: waiting, resolve: go } = Promise.withResolvers()
  /** @type {Promise<unknown> | undefined} */
  let savepoint
  const failing = database.transaction(async (sql) => {
    savepoint = sql.savepoint(async (inner) => {
      await inner`insert into public.made values ('undone')`
      await waiting
      await inner`insert into public.made values ('late')`
    })
    savepoint.catch(() => {})
    await sql`select 1`
    throw new RangeError('no')
  }, TIME)

  await assert.rejects(failing, RangeError)
  await assert.rejects(async () => savepoint, RangeError)
  await database.transaction(async (sql) => {
    go(null)
    await sql`insert into public.made values ('next')`
  }, TIME)
  assert.deepEqual(await made(), ['next'])
})
