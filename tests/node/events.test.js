/** Events come out of a queue message as they went in, and nothing but an event gets through. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Event } from 'bridge'

import { queued } from './support.js'

/**
 * @param {string} number as Postgres writes it
 * @returns {unknown}
 */
function handed(number) {
  return Event.parse(JSON.stringify(queued({})).replace('"record":{}', `"record":{"n":${number}}`)).row.n
}

for (const [number, value] of /** @type {[string, unknown][]} */ ([
  ['0', 0],
  ['19.98', 19.98],
  ['9.90', 9.9],
  ['0.30000000000000004', 0.30000000000000004],
  ['-12345678901234.5', -12345678901234.5],
  ['1.0000000000000000000', 1],
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', '9007199254740992'],
  ['-9007199254740993', '-9007199254740993'],
  ['9007199254740993.01', '9007199254740993.01'],
  ['0.1000000000000000000000001', '0.1000000000000000000000001'],
  ['1e400', '1e400'],
  ['5e-324', 5e-324],
  ['1e-400', '1e-400'],
  ['9'.repeat(131_072), '9'.repeat(131_072)],
])) {
  test(`should hand over a number, or its digits where it can't hold it: ${number.slice(0, 30)}`, () => {
    assert.equal(handed(number), value)
  })
}

test('should leave digits inside of texts alone', () => {
  const text = '12345678901234567890 "9007199254740993" \\" \\'

  assert.equal(handed(`[${JSON.stringify(text)}, 9007199254740993]`)?.toString(), `${text},9007199254740993`)
})

test('should not trip over a value nested deep', () => {
  const depth = 20_000
  let value = /** @type {any} */ (
    handed(`${'[{"a": '.repeat(depth)}12345678901234567890${'}, {}]'.repeat(depth)}`)
  )

  for (let level = 0; level < depth; level += 1) value = value[0].a
  assert.equal(value, '12345678901234567890')
})

test('should read a megabyte of escapes', () => {
  const text = '"\\\u0001'.repeat(200_000)

  assert.equal(Event.parse(JSON.stringify(queued({ text }))).row.text, text)
})

test('should parse an event', () => {
  const deleted = queued(null, { operation: 'DELETE', old_record: { id: 1 }, truncated: true })

  const event = Event.parse(JSON.stringify(deleted))

  assert.deepEqual({ ...event }, { ...deleted, timestamp: new Date('2026-11-23T15:00:00.123Z') })
  assert.deepEqual(event.row, { id: 1 })
  assert.throws(() => Object.assign(event, { id: 'other' }), TypeError)
})

for (const [members, problem] of /** @type {[object, string][]} */ ([
  [{ id: undefined }, '"id" is missing'],
  [{ timestamp: 'yesterday' }, '"timestamp" must be a date and time with its time zone, not "yesterday"'],
  [{ timestamp: '2026-11-23T15:00:00' }, '"timestamp" must be a date and time with its time zone'],
  [{ timestamp: '2026-11-23T15:00:00+99:00' }, '"timestamp" must be a date and time with its time zone'],
  [{ operation: null }, '"operation" must be string, not null'],
  [{ record: [] }, '"record" must be object or null, not array'],
  [{ truncated: 'yes' }, '"truncated" must be boolean, not string'],
  [{ transaction: {} }, '"id" is missing'],
])) {
  test(`should say what is wrong with an event: ${JSON.stringify(members)}`, () => {
    assert.throws(
      () => Event.parse(JSON.stringify(queued({}, members))),
      (error) =>
        error instanceof Error && error.name === 'MalformedEventError' && error.message.includes(problem),
    )
  })
}

for (const body of ['', 'hunter2', '01', '{"a":}', 'NaN', '[]', '"a"', '7']) {
  test(`should refuse any other text, and not quote it: ${body}`, () => {
    assert.throws(() => Event.parse(body), {
      name: 'MalformedEventError',
      message: /^malformed event: (?!.*hunter2)/,
    })
  })
}
