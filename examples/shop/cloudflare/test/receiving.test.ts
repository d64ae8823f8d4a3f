/** Messages: which are accepted, by which secret, and what is said of the others. */

import { describe, expect, it, vi } from 'vitest'

import { MAX_BYTES } from '../src/webhook/body'
import { DOWN, recorded } from './events'
import {
  call,
  deliver,
  message,
  newOrderId,
  noticesOf,
  now,
  OTHER_SECRET,
  outcome,
  receipt,
  SECRET,
} from './support'

describe('an accepted message', () => {
  it('should be answered with its id, its events and a receipt, once each event has taken effect', async () => {
    const orders = [newOrderId(), newOrderId()]
    const sent = message(orders.map((id) => ({ id })))

    const at = now() - 60
    const accepted = { accepted: 2, webhook_id: sent.id, receipt: await receipt(sent, at) }
    expect(await outcome(deliver(sent, { at }))).toEqual([202, accepted])
    expect(await noticesOf(orders)).toEqual([1, 1])
    expect(await recorded(sent)).toEqual([':0', ':1'])
  })

  it('should be answered with a receipt as it is, in which nothing is escaped', async () => {
    const sent = message([])
    // Until there is one of each of the characters that some serializers escape.
    let at = now()
    while (!/^v1,(?=.*\/).*\+/.test(await receipt(sent, at))) at -= 1

    expect(await (await deliver(sent, { at })).text()).toContain(await receipt(sent, at))
  })

  it('should take effect once, though it is delivered twice, and at the same time', async () => {
    const order = newOrderId()
    const sent = message([{ id: order }])

    const answers = await Promise.all([deliver(sent), deliver(sent)])
    answers.push(await deliver(sent))

    expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202])
    expect(await noticesOf([order])).toEqual([1])
  })

  it('should have up to a hundred events', async () => {
    const orders = Array.from({ length: 100 }, newOrderId)

    expect((await deliver(message(orders.map((id) => ({ id }))))).status).toBe(202)
    expect(await noticesOf(orders)).toEqual(orders.map(() => 1))
  })

  it('should need no database if it is a ping', async () => {
    const ping = message([], { type: 'bridge.ping' })

    const at = now()

    const answer = await outcome(deliver(ping, { webhook: 'bridge.ping', at, ...DOWN }))

    expect(answer).toEqual([202, { accepted: 0, webhook_id: ping.id, receipt: await receipt(ping, at) }])
  })
})

describe('the signing secret', () => {
  it("should be the sender's", async () => {
    const order = newOrderId()

    expect((await deliver(message([{ id: order }]), { secrets: [OTHER_SECRET] })).status).toBe(401)
    expect(await noticesOf([order])).toEqual([0])
  })

  it('should be the current or the previous one while it rotates', async () => {
    const settings = { WEBHOOK_SIGNING_SECRET: `${OTHER_SECRET} ${SECRET}` }

    const statuses = [[SECRET], [OTHER_SECRET], [OTHER_SECRET, SECRET]].map(
      async (secrets) => (await deliver(message([]), { secrets, settings })).status,
    )

    expect(await Promise.all(statuses)).toEqual([202, 202, 202])
  })

  it.each([SECRET, OTHER_SECRET])('should be the one in the receipt that verified: %s', async (secret) => {
    const sent = message([])
    const at = now()
    const settings = { WEBHOOK_SIGNING_SECRET: `${OTHER_SECRET} ${SECRET}` }

    const [, answer] = await outcome(deliver(sent, { secrets: [secret], at, settings }))

    expect(answer).toMatchObject({ receipt: await receipt(sent, at, secret) })
  })

  it.each([
    ['', 'WEBHOOK_SIGNING_SECRET is not set'],
    ['whsec_!', 'WEBHOOK_SIGNING_SECRET must be base64 of 24 to 64 bytes'],
  ])('should be asked for where it is "%s"', async (secret, error) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const settings = { WEBHOOK_SIGNING_SECRET: secret }

    expect(await outcome(deliver(message([]), { settings }))).toEqual([503, { error }])
  })
})

describe('a message that is refused', () => {
  const large = { id: crypto.randomUUID(), body: 'x'.repeat(MAX_BYTES + 1) }

  it('should be too large before it is badly signed', async () => {
    expect((await deliver(large, { secrets: [OTHER_SECRET] })).status).toBe(413)
  })

  it('should be too large without saying how large it is', async () => {
    const body = new Blob([large.body]).stream()

    expect((await call('/webhook/order.created', { method: 'POST', body })).status).toBe(413)
  })

  it('should be badly signed before its webhook is unknown', async () => {
    expect((await deliver(message([]), { webhook: 'none', secrets: [OTHER_SECRET] })).status).toBe(401)
  })

  it.each(['none', 'constructor', 'order.created%20'])(
    'should be of an unknown webhook: "%s"',
    async (webhook) => {
      expect(await outcome(deliver({ ...large, body: '' }, { webhook }))).toEqual([
        404,
        { error: `no webhook "${webhook}" is known` },
      ])
    },
  )

  it('should be of the webhook in its path', async () => {
    expect(await outcome(deliver(message([], { type: 'order.paid' })))).toEqual([
      400,
      { error: 'malformed message: "type" must be "order.created"' },
    ])
  })

  it('should be a receipt that is sent as a request', async () => {
    expect((await deliver({ id: crypto.randomUUID(), body: 'accepted' })).status).toBe(400)
  })

  it.each([
    ['{"type": "order.created", secret', 'malformed message: it is not JSON'],
    ['\ufeff{}', 'malformed message: it is not JSON'],
    ['[]', 'malformed message: it must be an object, not an array'],
    [message([], { data: {} }).body, 'malformed message: "data" must be an array'],
    [
      message([], { timestamp: 'today' }).body,
      'malformed message: "timestamp" must be a date and time with its time zone',
    ],
    [
      message([], { transaction: { id: '1' } }).body,
      'malformed "transaction" of the message: "actor" is missing',
    ],
    [message([{}], {}, { id: 1 }).body, 'malformed event 0: "id" must be a string'],
    [
      message([{}], {}, { operation: 'TRUNCATE' }).body,
      'malformed event 0: "operation" must be "INSERT" or "UPDATE" or "DELETE" or "READ"',
    ],
    [message([{}], {}, { record: [] }).body, 'malformed event 0: "record" must be an object or null'],
  ])('should be malformed: %s', async (body, error) => {
    expect(await outcome(deliver({ id: 'malformed', body }))).toEqual([400, { error }])
  })
})
