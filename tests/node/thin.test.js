/** A thin record's row is read back by its key, whatever the key's type and the table's name. */

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'

import { Event } from 'bridge'

import { whole } from '../../lambda_src/node/src/thin.js'
import { db, disconnect, queued } from './support.js'

beforeEach(async () => {
  await db`drop table if exists public.thin`
})

after(disconnect)

/**
 * @param {any} record
 * @param {object} [members]
 */
function thin(record, members) {
  return Event.parse(JSON.stringify(queued(record, { table: 'thin', truncated: true, ...members })))
}

async function rows() {
  await db`create table public.thin (id bigint primary key, note text)`
  await db`insert into public.thin values (1, 'one'), (2, 'two')`
}

test('should read the row of the key', async () => {
  await rows()

  const event = await whole(thin({ id: 2 }), db)

  assert.deepEqual([event.record, event.truncated], [{ id: 2, note: 'two' }, false])
})

test('should leave a record thin whose row is gone', async () => {
  await rows()

  const event = await whole(thin({ id: 3 }), db)

  assert.deepEqual([event.record, event.truncated], [{ id: 3 }, true])
})

test('should leave a deleted row thin', async () => {
  const deleted = thin(null, { operation: 'DELETE', old_record: { id: 1 } })

  assert.equal(await whole(deleted, db), deleted)
})

for (const key of [{}, { id: null }, { id: [1] }, { id: {} }]) {
  test(`should refuse a record without a usable key: ${JSON.stringify(key)}`, async () => {
    await assert.rejects(whole(thin(key), db), {
      name: 'MissingKeyError',
      message: /has no key of single values/,
    })
  })
}

test('should read rows of any name, exactly', async () => {
  await db.unsafe(
    'create table if not exists public."Big ""Table""" ("Id %" bigint, kind text, at timestamptz, flag bool,' +
      ' total numeric, primary key ("Id %", kind, at, flag))',
  )
  await db.unsafe(
    `insert into public."Big ""Table""" values
     (9007199254740993, E'O''k\\\\', '2026-01-01 00:00:00.123456Z', true, 9007199254740993.01)`,
  )
  const [{ key }] = await db`select (to_jsonb(t) - 'total')::text as key from public."Big ""Table""" as t`
  const event = queued({}, { table: 'Big "Table"', truncated: true })

  const read = await whole(Event.parse(JSON.stringify(event).replace('"record":{}', `"record":${key}`)), db)

  assert.equal(read.row['Id %'], '9007199254740993')
  assert.equal(read.row.total, '9007199254740993.01')
  await db.unsafe('drop table public."Big ""Table"""')
})

for (const [type, value] of [
  ['uuid', '01936b2e-7c00-7000-8000-000000000001'],
  ['timestamptz', '2026-01-01 00:00:00.123456+00'],
  ['bytea', '\\x00ff'],
  ['numeric', '1.10'],
  ['boolean', 'true'],
  ['int8range', '[1,10)'],
  ['inet', '::1'],
  ['text', "O'Brien \\' \\ % $1 {} ; --"],
  ['date', 'infinity'],
]) {
  test(`should find a row by a key of any scalar type: ${type}`, async () => {
    await db.unsafe(`create table public.thin (id ${type} primary key, note text)`)
    await db.unsafe(`insert into public.thin values ('${value.replaceAll("'", "''")}', 'found')`)
    const [{ key }] = await db`select jsonb_build_object('id', id)::text as key from public.thin`

    const event = await whole(thin(JSON.parse(key)), db)

    assert.equal(event.row.note, 'found')
  })
}
