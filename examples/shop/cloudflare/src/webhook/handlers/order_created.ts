import type { Sql } from '../../database'
import type { Event } from '../message'

/** Notes that this platform has heard of the order. */
export async function orderCreated(event: Event, sql: Sql): Promise<void> {
  await sql`insert into public.order_notices (order_id, channel) values (${event.row['id']}, 'cloudflare')`
}
