/** Each processed order of a user gets its receipt, the same however often its event comes. */

import assert from 'node:assert/strict'
import { after, afterEach, beforeEach, test } from 'node:test'

import { bucket } from 'bridge/storage'
import { extractText, getDocumentProxy } from 'unpdf'

import { printable } from '../workers/render_receipt/fonts.mjs'
import { handler } from '../workers/render_receipt/index.mjs'
import { render } from '../workers/render_receipt/pdf.mjs'
import { receiptOf } from '../workers/render_receipt/receipt.mjs'
import {
  createSecret,
  db,
  disconnect,
  environment,
  invoke,
  output,
  queued,
  records,
  unusedAddress,
} from '../../../tests/node/support.js'

const ADA = 'aaaaaaaa-0000-4000-8000-000000000001'
const PROCESSED_AT = '2026-11-23T15:00:00.123456+00:00'
const ORDER = {
  id: 7,
  user_id: ADA,
  items: [
    { sku: 'espresso', quantity: 2, price: 9.99 },
    { sku: 'grinder', quantity: 0.5, price: 3 },
  ],
  total: 21.48,
  currency: 'eur',
  processed_at: PROCESSED_AT,
}

beforeEach(async () => {
  process.env.SUPABASE_SERVICE_ROLE_SECRET_ID = await createSecret({
    url: environment('STORAGE_URL'),
    service_role_key: environment('STORAGE_SECRET_KEY'),
  })
  await db`delete from bridge.processed_event`
  await db`insert into public.users (id, email, name) values (${ADA}, 'ada@example.com', 'Ada Łukasiewicz')
           on conflict do nothing`
  await keep(ORDER)
})

afterEach(() => handler.close())

after(disconnect)

/**
 * Put an order into its table as it is once it has been processed.
 *
 * @param {typeof ORDER} order
 */
async function keep({ id, user_id, items, total, currency, processed_at }) {
  await db`
    insert into public.orders (id, user_id, items, total, currency, processed_at) overriding system value
    values (${id}, ${user_id}, ${db.json(items)}, ${total}, ${currency}, ${db.unsafe(`'${processed_at}'`)})
    on conflict (id) do update set items = excluded.items, processed_at = excluded.processed_at`
}

/** @param {Uint8Array} pdf */
async function read(pdf) {
  const { text } = await extractText(await getDocumentProxy(new Uint8Array(pdf)))
  return text
}

/** @param {object} order */
async function rendered(order) {
  const { pdf } = await render(receiptOf({ ...ORDER, ...order }))
  return (await read(pdf)).join('\n')
}

/** @param {string} path */
async function stored(path) {
  const { data } = await (await bucket('receipts')).download(path)
  return Buffer.from(await /** @type {Blob} */ (data).arrayBuffer())
}

/**
 * @param {any} record
 * @param {object} [members]
 */
function processed(record, members) {
  return records(queued(record, { type: 'order.processed', operation: 'UPDATE', old_record: {}, ...members }))
}

test('should store the receipt of an order', async () => {
  assert.deepEqual(await invoke(handler, processed(ORDER)), [])

  const [page] = await read(await stored(`${ADA}/7.pdf`))
  for (const part of [
    'Receipt 7',
    'November 23, 2026',
    'Ada Łukasiewicz',
    'espresso 2 €9.99 €19.98',
    'grinder 0.5 €3.00 €1.50',
    'Total €21.48',
  ]) {
    assert.ok(page.includes(part), `${part} is not in: ${page}`)
  }
})

test('should store the same bytes again when the event is handled again', async () => {
  await invoke(handler, processed(ORDER))
  const first = await stored(`${ADA}/7.pdf`)

  assert.deepEqual(await invoke(handler, processed(ORDER, { id: 'another:0' })), [])

  assert.deepEqual(await stored(`${ADA}/7.pdf`), first)
  assert.equal((await db`select from bridge.processed_event`).length, 2)
})

test('should keep the receipt of what was processed last when its events come reversed', async () => {
  const last = {
    ...ORDER,
    items: [{ sku: 'kettle', quantity: 1, price: 21.48 }],
    processed_at: '2026-11-23T15:00:00.123457+00:00',
  }
  await keep(last)
  assert.deepEqual(await invoke(handler, processed(last, { id: 'last:0' })), [])

  const lines = await output(async () => assert.deepEqual(await invoke(handler, processed(ORDER)), []))

  assert.equal(lines[0].message, 'the order has been processed again or deleted meanwhile')
  assert.match((await read(await stored(`${ADA}/7.pdf`)))[0], /kettle/)
})

test('should skip an order that was deleted after its row was sent', async () => {
  const lines = await output(async () =>
    assert.deepEqual(await invoke(handler, processed({ ...ORDER, id: 405 })), []),
  )

  assert.equal(lines[0].message, 'the order has been processed again or deleted meanwhile')
})

test('should give a receipt to a user who is gone', async () => {
  const user = 'bbbbbbbb-0000-4000-8000-000000000002'

  assert.deepEqual(await invoke(handler, processed({ ...ORDER, user_id: user })), [])

  assert.match((await read(await stored(`${user}/7.pdf`)))[0], /Total/)
})

test('should skip an order without a user, and say so', async () => {
  const lines = await output(async () =>
    assert.deepEqual(await invoke(handler, processed({ ...ORDER, user_id: null })), []),
  )

  assert.equal(lines[0].message, 'an order without a user has no receipt')
})

test('should skip an order that is gone', async () => {
  const lines = await output(async () =>
    assert.deepEqual(await invoke(handler, processed({ id: 404 }, { truncated: true })), []),
  )

  assert.equal(lines[0].message, 'the order has been deleted meanwhile')
})

test('should render an order that was too large to be sent', async () => {
  const [{ id }] = await db`
    insert into public.orders (user_id, items, total, processed_at)
    overriding system value values (${ADA}, ${db.json(ORDER.items)}, 21.48, ${PROCESSED_AT}) returning id`

  assert.deepEqual(await invoke(handler, processed({ id: Number(id) }, { truncated: true })), [])

  assert.match((await read(await stored(`${ADA}/${id}.pdf`)))[0], /Total €21\.48/)
})

test('should fail the event while Storage is down, and succeed later', async () => {
  const secret = process.env.SUPABASE_SERVICE_ROLE_SECRET_ID
  process.env.SUPABASE_SERVICE_ROLE_SECRET_ID = await createSecret({
    url: await unusedAddress(),
    service_role_key: 'sb_secret_hunter2',
  })
  const lines = await output(async () =>
    assert.deepEqual(await invoke(handler, processed(ORDER)), ['record-0']),
  )
  process.env.SUPABASE_SERVICE_ROLE_SECRET_ID = secret

  assert.deepEqual([lines[0].error, lines[0].code], ['StorageUnknownError', 'ECONNREFUSED'])
  assert.doesNotMatch(JSON.stringify(lines), /hunter2|espresso|Ada/)
  assert.deepEqual(await invoke(handler, processed(ORDER)), [])
})

test('should log what was replaced', async () => {
  const order = { ...ORDER, items: [{ sku: '中文', quantity: 1, price: 1 }] }

  const lines = await output(async () => assert.deepEqual(await invoke(handler, processed(order)), []))

  assert.deepEqual([lines[0].level, lines[0].characters], ['WARN', 2])
})

test('should render the same bytes for the same order', async () => {
  const [first, second] = await Promise.all([render(receiptOf(ORDER)), render(receiptOf(ORDER))])

  assert.deepEqual(first.pdf, second.pdf)
  assert.notDeepEqual(first.pdf, (await render(receiptOf({ ...ORDER, id: 8 }))).pdf)
})

test('should use as many pages as a long order takes', async () => {
  const items = Array.from({ length: 200 }, (_, index) => ({
    sku: `thing ${index}`,
    quantity: 1,
    price: index,
  }))

  const pages = await read((await render(receiptOf({ ...ORDER, items }))).pdf)

  assert.ok(pages.length > 3)
  const text = pages.join('\n')
  for (const { sku, price } of items) assert.ok(text.includes(`${sku} 1 €${price}.00 €${price}.00`), sku)
  assert.match(/** @type {string} */ (pages.at(-1)), /Total €21\.48$/)
})

test('should render an order without items, and an item of any length', async () => {
  assert.match(await rendered({ items: [] }), /Amount\s+Total/)
  assert.match(await rendered({ items: [{ sku: 'x'.repeat(100_000), quantity: 1, price: 1 }] }), /x…/)
})

for (const [currency, total, shown] of [
  ['eur', '9007199254740993.01', '€9,007,199,254,740,993.01'],
  ['usd', 0.125, '$0.125'],
  ['JPY', 100, '¥100'],
  ['gbp', -5, '-£5.00'],
]) {
  test(`should write an amount exactly, as its currency is written: ${shown}`, () => {
    assert.equal(receiptOf({ ...ORDER, currency, total }).total, shown)
  })
}

test('should compute exactly', () => {
  const [{ amount }] = receiptOf({
    ...ORDER,
    items: [{ sku: 'a', quantity: 3, price: '9007199254740993.01' }],
  }).lines

  assert.equal(amount, '€27,021,597,764,222,979.03')
})

for (const [members, message] of /** @type {[object, string][]} */ ([
  [{ items: null }, '"items" must be a list'],
  [{ items: [null] }, '"items[0].sku" must be a text'],
  [{ items: [{ sku: 'a', quantity: 1 }] }, '"items[0].price" must be a number'],
  [{ items: [{ sku: 'a', quantity: 'x', price: 1 }] }, '"items[0].quantity" must be a number'],
  [{ total: undefined }, '"total" must be a number'],
  [{ currency: 'euros' }, '"currency" must be a code of ISO 4217'],
  [{ processed_at: null }, '"processed_at" must be a date and time'],
])) {
  test(`should say what is wrong with an order: ${JSON.stringify(members)}`, () => {
    assert.throws(() => receiptOf({ ...ORDER, ...members }), { name: 'MalformedOrderError', message })
  })
}

for (const [text, shown, replaced] of /** @type {[string, string, number][]} */ ([
  ['Zoë Łukasiewicz', 'Zoë Łukasiewicz', 0],
  ['кофе καφές ☕ 😀', 'кофе καφές ☕ 😀', 0],
  ['e\u0301', 'é', 0],
  ['中文', '��', 2],
  ['a👨‍👩‍👧b 🇩🇪', 'a�b �', 2],
  ['a\tb\r\nc', 'a b c', 0],
  ['soft\u00adhyphen\ufeff', 'softhyphen', 0],
  ['\ud800', '�', 1],
  ['שלום עולם', 'שלום\u00a0עולם', 0],
  ['שלום abc 12', 'abc 12 שלום', 0],
  ['abc שלום עולם def', 'abc שלום\u00a0עולם  def', 0],
])) {
  test(`should print what the font has, and mark what it lacks: ${text}`, () => {
    assert.deepEqual(printable(text), { text: shown, replaced })
  })
}

test('should show names of many scripts in the PDF', async () => {
  const { pdf } = await render(receiptOf(ORDER, 'Ægir Ωμέγα Жук'))

  assert.match((await read(pdf))[0], /Ægir Ωμέγα Жук/)
})
