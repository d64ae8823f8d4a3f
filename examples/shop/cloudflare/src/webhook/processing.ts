import type { Database, Sql } from '../database'
import { UnavailableError } from '../errors'
import { describe, log } from '../log'
import type { Event } from './message'
import { whole } from './thin'

/** Under which processed events are remembered; each platform has its own. */
export const WORKER = 'cloudflare'

/** What one event of a webhook does. What it writes with `sql` happens exactly once. */
export type Handler = (event: Event, sql: Sql) => Promise<void>

/**
 * Handle the events of a message, each in a transaction of its own that also records its id.
 *
 * A duplicate has no second effect; an event that fails leaves the others as they are. What was done stays done when the
 * sender gives up waiting and the Worker is cancelled half-way, so that the next delivery has less to do.
 *
 * @returns how many failed
 * @throws {UnavailableError} the connection to Postgres broke; what came before is done
 */
export async function processEvents(
  events: readonly Event[],
  handle: Handler,
  database: Database,
): Promise<number> {
  let failed = 0
  for (const event of events) {
    try {
      await processEvent(event, handle, database)
    } catch (error) {
      if (error instanceof UnavailableError) throw error
      failed += 1
      log.error('event failed', { webhook: event.type, event_id: event.id, ...describe(error) })
    }
  }
  return failed
}

async function processEvent(event: Event, handle: Handler, database: Database): Promise<void> {
  await database.transaction(async (sql) => {
    const recorded = await sql`
      insert into bridge.processed_event (worker, event_id) values (${WORKER}, ${event.id})
      on conflict do nothing returning event_id`
    if (recorded.length) await handle(await whole(event, sql), sql)
  })
}
