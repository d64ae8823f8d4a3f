/** Thin records: reading back a row that was too large to be sent. */

import { MissingKeyError } from './errors.js'
import { decode } from './json_text.js'

/**
 * Return the event with its row in full.
 *
 * A row that is gone leaves the event as it is, `truncated` and with nothing but the key. So does DELETE.
 *
 * @param {import('./events.js').Event} event
 * @param {import('postgres').Sql | import('postgres').TransactionSql} sql
 * @throws {MissingKeyError} the record holds no key, or one of a type that cannot be compared
 */
export async function whole(event, sql) {
  if (!event.truncated || event.record === null) return event
  const matches = Object.entries(key(event)).map(
    ([column, value]) => `t.${identifier(column)} = ${literal(value)}`,
  )
  const [row] = await sql.unsafe(
    `select to_jsonb(t)::text as record from ${identifier(event.schema)}.${identifier(event.table)} as t` +
      ` where ${matches.join(' and ')}`,
  )
  return row ? event.whole(decode(row.record)) : event
}

/** @param {import('./events.js').Event} event */
function key({ schema, table, record }) {
  const found = record ?? {}
  const values = Object.values(found)
  if (!values.length || values.some((value) => typeof value === 'object')) {
    throw new MissingKeyError(
      `the thin record of "${schema}"."${table}" has no key of single values;` +
        ` it has: ${Object.keys(found).join(', ')}`,
    )
  }
  return found
}

/** @param {string} name */
function identifier(name) {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * A literal of unknown type, which Postgres reads as the column's own. As a parameter it would pass through
 * the driver's idea of that type, which cuts time stamps to milliseconds.
 *
 * @param {string | number | boolean} value
 */
function literal(value) {
  return ` E'${String(value).replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
