import { MalformedEventError } from './errors.js'
import { decode } from './json_text.js'

/**
 * @typedef {{ [column: string]: any }} Row
 *   A row as to_jsonb shows it. A number that JavaScript can't hold exactly is a string of its digits.
 *
 * @typedef {object} Transaction the database transaction that made the change
 * @property {string} id Postgres's transaction id
 * @property {string | null} actor the user's id by Supabase's auth.uid(); null outside a user's request
 * @property {string} role the database role that made the change
 *
 * @typedef {object} Members
 * @property {string} id the same for every delivery of this event: "<webhook-id>:<index>"
 * @property {string} type the webhook's name
 * @property {Date} timestamp when the statement ran, to the millisecond
 * @property {string} operation INSERT, UPDATE, DELETE, or READ for a row that was there before the webhook
 * @property {string} schema the table's schema
 * @property {string} table the table's name
 * @property {Row | null} record the row after the change; null for DELETE
 * @property {Row | null} old_record the row before the change; null for INSERT
 * @property {boolean} truncated the record was too large to be sent, and its row is gone: it holds the
 *   primary key only
 * @property {Transaction} transaction who made the change
 */

/** One changed row. Its members are named as on the wire. */
export class Event {
  /** @param {Members} members */
  constructor(members) {
    this.id = members.id
    this.type = members.type
    this.timestamp = members.timestamp
    this.operation = members.operation
    this.schema = members.schema
    this.table = members.table
    this.record = members.record
    this.old_record = members.old_record
    this.truncated = members.truncated
    this.transaction = members.transaction
    Object.freeze(this)
  }

  /** The row that the event is about: the record, or for DELETE the old record. */
  get row() {
    return this.record ?? this.old_record ?? {}
  }

  /** The webhook-id of the message that brought it, as bridge.message and the receiver's log have it. */
  get messageId() {
    const end = this.id.lastIndexOf(':')
    return end > 0 ? this.id.slice(0, end) : this.id
  }

  /**
   * Return a copy with its row in full.
   *
   * @param {Row} record
   */
  whole(record) {
    return new Event({ ...this, record, truncated: false })
  }

  /**
   * Read an event from a queue message.
   *
   * @param {string} body
   * @throws {MalformedEventError} body is not JSON or not an event; the error names the member
   */
  static parse(body) {
    const members = object(body)
    const transaction = member(members, 'transaction', 'object')
    return new Event({
      id: member(members, 'id', 'string'),
      type: member(members, 'type', 'string'),
      timestamp: time(member(members, 'timestamp', 'string')),
      operation: member(members, 'operation', 'string'),
      schema: member(members, 'schema', 'string'),
      table: member(members, 'table', 'string'),
      record: member(members, 'record', 'object', 'null'),
      old_record: member(members, 'old_record', 'object', 'null'),
      truncated: member({ truncated: false, ...members }, 'truncated', 'boolean'),
      transaction: {
        id: member(transaction, 'id', 'string'),
        actor: member(transaction, 'actor', 'string', 'null'),
        role: member(transaction, 'role', 'string'),
      },
    })
  }
}

/** @param {string} body */
function object(body) {
  let members
  try {
    members = decode(body)
  } catch {
    // The parser's own message quotes the text.
    throw new MalformedEventError('malformed event: it is not JSON')
  }
  if (kind(members) !== 'object') {
    throw new MalformedEventError(`malformed event: expected an object, not ${kind(members)}`)
  }
  return members
}

/**
 * @param {Row} members
 * @param {string} name
 * @param {...string} kinds
 */
function member(members, name, ...kinds) {
  if (!Object.hasOwn(members, name)) throw new MalformedEventError(`malformed event: "${name}" is missing`)
  const value = members[name]
  if (!kinds.includes(kind(value))) {
    throw new MalformedEventError(
      `malformed event: "${name}" must be ${kinds.join(' or ')}, not ${kind(value)}`,
    )
  }
  return value
}

/** @param {unknown} value */
function kind(value) {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** @param {string} text */
function time(text) {
  const timestamp = new Date(text)
  if (Number.isNaN(timestamp.getTime()) || !/\dT.*\d(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(text)) {
    throw new MalformedEventError(
      `malformed event: "timestamp" must be a date and time with its time zone, not "${text.slice(0, 40)}"`,
    )
  }
  return timestamp
}
