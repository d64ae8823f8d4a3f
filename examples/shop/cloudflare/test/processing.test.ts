/** Events: each takes effect exactly once, whatever fails, and its handler is given the whole row. */

import { describe, expect, it, vi } from 'vitest'

import { UnavailableError } from '../src/errors'
import type { Event } from '../src/webhook/message'
import { DOWN, recorded, run } from './events'
import { deliver, message, newOrderId, noticesOf, outcome, owner, type Message } from './support'

/** Whether a connection of Postgres' is still open. */
async function isOpen(pid: number | undefined): Promise<boolean> {
  return (await owner('select from pg_stat_activity where pid = $1', [pid])).length > 0
}

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
