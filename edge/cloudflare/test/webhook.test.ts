/** Messages: which are accepted, and that each event takes effect exactly once. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'

import { withDatabase } from '../src/database'
import { UnavailableError } from '../src/errors'
import { MAX_BYTES } from '../src/webhook/body'
import { parse, type Event } from '../src/webhook/message'
import { processEvents, type Handler } from '../src/webhook/processing'
import {
  call,
  deliver,
  message,
  newOrderId,
  noticesOf,
  OTHER_SECRET,
  outcome,
  owner,
  SECRET,
  type Message,
} from './support'

const DOWN = { settings: { HYPERDRIVE: env.OUT_OF_REACH } }

/** Process a message with a handler of the test's own; return how many events failed. */
async function run({ body }: Message, handle: Handler): Promise<number> {
  const context = createExecutionContext()
  const events = parse(new TextEncoder().encode(body), 'order.created')
  try {
    return await withDatabase({ ...env }, context, (database) => processEvents(events, handle, database))
  } finally {
    await waitOnExecutionContext(context)
  }
}

async function recorded({ id }: Message): Promise<string[]> {
  const rows = await owner<{ event_id: string }>(
    `select event_id from bridge.processed_event where worker = 'cloudflare' and event_id like $1 order by event_id`,
    [`${id}:%`],
  )
  return rows.map((row) => row.event_id.slice(id.length))
}

/** Whether a connection of Postgres' is still open. */
async function isOpen(pid: number | undefined): Promise<boolean> {
  return (await owner('select from pg_stat_activity where pid = $1', [pid])).length > 0
}

describe('an accepted message', () => {
  it('should be answered with its id and the number of its events, each of which takes effect', async () => {
    const orders = [newOrderId(), newOrderId()]
    const sent = message(orders.map((id) => ({ id })))

    expect(await outcome(deliver(sent))).toEqual([202, { accepted: 2, webhook_id: sent.id }])
    expect(await noticesOf(orders)).toEqual([1, 1])
    expect(await recorded(sent)).toEqual([':0', ':1'])
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

    const answer = await outcome(deliver(ping, { webhook: 'bridge.ping', ...DOWN }))

    expect(answer).toEqual([202, { accepted: 0, webhook_id: ping.id }])
  })
})

describe('an event that fails', () => {
  it('should leave the others as they are, and be asked for again', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const orders = [newOrderId(), newOrderId()]
    const sent = message([{ id: orders[0] }, { id: 'poison' }, { id: orders[1] }])

    expect(await outcome(deliver(sent))).toEqual([500, { error: '1 of 3 events failed' }])
    expect((await deliver(sent)).status).toBe(500)
    expect(await noticesOf(orders)).toEqual([1, 1])
    expect(await recorded(sent)).toEqual([':0', ':2'])
    expect(JSON.parse(log.mock.lastCall?.[0])).toMatchObject({ event_id: `${sent.id}:1`, sqlstate: '22P02' })
    expect(String(log.mock.lastCall?.[0])).not.toContain('poison')
  })

  it('should have no effect, whatever it had done before', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const order = newOrderId()
    const sent = message([{ id: order }])

    const failed = await run(sent, async (_, sql) => {
      await sql`insert into public.order_notices (order_id, channel) values (${order}, 'cloudflare')`
      throw new Error('too late')
    })

    expect([failed, await noticesOf([order]), await recorded(sent)]).toEqual([1, [0], []])
  })

  it('should not pass for done because its handler hid the error of a statement', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const sent = message([{ id: newOrderId() }])

    const failed = await run(sent, async (_, sql) => {
      await sql`select 1 / 0`.catch(() => {})
    })

    expect([failed, await recorded(sent)]).toEqual([1, []])
  })

  it('should not bind a value that is not there', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})

    expect((await deliver(message([{ number: 1 }]))).status).toBe(500)
    expect(JSON.parse(log.mock.lastCall?.[0])).toMatchObject({ error: 'TypeError' })
  })
})

describe('a statement after the end of its transaction', () => {
  it('should be refused', async () => {
    const order = newOrderId()
    const late: Promise<unknown>[] = []
    const gate = Promise.withResolvers<void>()

    await run(message([{ id: order }]), async (_, sql) => {
      late.push(
        gate.promise.then(
          () => sql`insert into public.order_notices (order_id, channel) values (${order}, 'cloudflare')`,
        ),
      )
    })
    gate.resolve()

    await expect(late[0]).rejects.toThrow('the transaction is over')
    expect(await noticesOf([order])).toEqual([0])
  })
})

describe('Postgres', () => {
  it('should be waited for: out of reach it lets a message come again', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const order = newOrderId()
    const sent = message([{ id: order }])

    expect(await outcome(deliver(sent, DOWN))).toEqual([503, { error: 'Postgres is out of reach' }])
    expect(await noticesOf([order])).toEqual([0])
    expect((await deliver(sent)).status).toBe(202)
    expect(await noticesOf([order])).toEqual([1])
  })

  it('should leave nothing half done when it breaks off, and what came before done', async () => {
    const orders = [newOrderId(), newOrderId(), newOrderId()]
    const sent = message(orders.map((id) => ({ id })))

    const running = run(sent, async ({ record }, sql) => {
      await sql`insert into public.order_notices (order_id, channel) values (${record?.['id']}, 'cloudflare')`
      if (record?.['id'] === orders[1]) await sql`select pg_terminate_backend(pg_backend_pid())`
    })

    await expect(running).rejects.toThrow(UnavailableError)
    expect([await noticesOf(orders), await recorded(sent)]).toEqual([[1, 0, 0], [':0']])
  })

  it('should have one connection for a message, closed when that is done', async () => {
    const pids: number[] = []

    await run(message([{ id: 1 }, { id: 2 }]), async (_, sql) => {
      const [backend] = await sql<{ pid: number }>`select pg_backend_pid() as pid`
      if (backend) pids.push(backend.pid)
    })

    expect(pids).toEqual([pids[0], pids[0]])
    await vi.waitUntil(async () => !(await isOpen(pids[0])))
  })

  it('should have its connection closed after an error too', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const pids: number[] = []

    await run(message([{ id: 1 }]), async (_, sql) => {
      const [backend] = await sql<{ pid: number }>`select pg_backend_pid() as pid`
      if (backend) pids.push(backend.pid)
      await sql`select 1 / 0`
    })

    await vi.waitUntil(async () => !(await isOpen(pids[0])))
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

describe('a handler', () => {
  /** What its handler is given of a message with one event. */
  async function handled(sent: Message): Promise<Event | undefined> {
    const seen: Event[] = []
    expect(await run(sent, async (event) => void seen.push(event))).toBe(0)
    return seen[0]
  }

  it('should get numbers with all their digits', async () => {
    const digits =
      '{"id": 12345678901234567890, "total": 0.1000000000000000055, "few": 1.50, "text": "1.0e400 \\" 7"}'
    const { id, body } = message([{ id: 'DIGITS' }])

    const event = await handled({ id, body: body.replace('{"id":"DIGITS"}', digits) })

    expect(event?.record).toEqual({
      id: '12345678901234567890',
      total: '0.1000000000000000055',
      few: 1.5,
      text: '1.0e400 " 7',
    })
  })

  it('should get the row of a record that was too large to be sent', async () => {
    const [order] = await owner<{ id: string }>(
      `insert into public.orders (total, items) values (1.25, '[{"sku": "A"}]') returning id`,
    )

    const event = await handled(message([{ id: Number(order?.id) }], {}, { truncated: true }))

    expect(event).toMatchObject({ truncated: false, record: { items: [{ sku: 'A' }], total: 1.25 } })
  })

  it('should get the key of a row that is gone', async () => {
    const event = await handled(message([{ id: -1 }], {}, { truncated: true }))

    expect(event).toMatchObject({ truncated: true, record: { id: -1 } })
  })

  it('should not be misled by the names of a thin record', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const names = { '"; drop table public.orders; --': 1 }

    expect(await run(message([names], {}, { truncated: true }), async () => {})).toBe(1)
    expect(await owner('select from public.orders limit 0')).toEqual([])
  })
})
