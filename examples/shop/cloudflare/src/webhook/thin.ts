/** Thin records: reading back a row that was too large to be sent. */

import type { Sql } from '../database'
import { MissingKeyError } from '../errors'
import { decode } from './json_text'
import type { Event, Row } from './message'

/**
 * Return the event with its row in full.
 *
 * A row that is gone leaves the event as it is, `truncated` and with nothing but the key. So does DELETE.
 *
 * @throws {MissingKeyError} the record holds no key, or one of a type that can't be compared
 */
export async function whole(event: Event, sql: Sql): Promise<Event> {
  if (!event.truncated || event.record === null) return event
  const key = Object.entries(event.record)
  if (!key.length || key.some(([, value]) => typeof value === 'object')) {
    throw new MissingKeyError(
      `the thin record of "${event.schema}"."${event.table}" has no key of single values`,
    )
  }
  // Bound as text of unknown type, which Postgres reads as the column's own: its index can be used.
  const matches = key.map(([column], index) => `t.${identifier(column)} = $${index + 1}`)
  const [found] = await sql.query<{ record: string }>(
    `select to_jsonb(t)::text as record from ${identifier(event.schema)}.${identifier(event.table)} as t` +
      ` where ${matches.join(' and ')}`,
    key.map(([, value]) => String(value)),
  )
  if (!found) return event
  const record = decode(found.record) as Row
  return { ...event, record, row: record, truncated: false }
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
