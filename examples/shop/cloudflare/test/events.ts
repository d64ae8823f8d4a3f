/** What becomes of a message's events: handled as a test says, and recorded. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'

import { withDatabase } from '../src/database'
import { parse } from '../src/webhook/message'
import { processEvents, type Handler } from '../src/webhook/processing'
import { owner, type Message } from './support'

export const DOWN = { settings: { HYPERDRIVE: env.OUT_OF_REACH } }

/** Process a message with a handler of the test's own; return how many events failed. */
export async function run({ body }: Message, handle: Handler): Promise<number> {
  const context = createExecutionContext()
  const events = parse(new TextEncoder().encode(body), 'order.created')
  try {
    return await withDatabase({ ...env }, context, (database) => processEvents(events, handle, database))
  } finally {
    await waitOnExecutionContext(context)
  }
}

export async function recorded({ id }: Message): Promise<string[]> {
  const rows = await owner<{ event_id: string }>(
    `select event_id from bridge.processed_event where worker = 'cloudflare' and event_id like $1 order by event_id`,
    [`${id}:%`],
  )
  return rows.map((row) => row.event_id.slice(id.length))
}
