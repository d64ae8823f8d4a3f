import { HttpError } from '../errors'
import { decode } from './json_text'

/** A row as `to_jsonb` shows it. A number that JavaScript can't hold exactly is a string of its digits. */
export type Row = Readonly<Record<string, unknown>>

/** The database transaction that made a change. */
export interface Transaction {
  /** Postgres' transaction id. */
  readonly id: string
  /** The user's id by `auth.uid()`; null outside a user's request. */
  readonly actor: string | null
  /** The database role that made the change. */
  readonly role: string
}

/** One changed row. Its members are named as on the wire. */
export interface Event {
  /** The same for every delivery of this event: `<webhook-id>:<index>`. */
  readonly id: string
  /** The webhook's name. */
  readonly type: string
  /** When the statement ran, to the millisecond. */
  readonly timestamp: Date
  readonly operation: 'INSERT' | 'UPDATE' | 'DELETE' | 'READ'
  readonly schema: string
  readonly table: string
  /** The row after the change; null for DELETE. */
  readonly record: Row | null
  /** The row before the change; null for INSERT. */
  readonly old_record: Row | null
  /** The row that the event is about: the record, or for DELETE the old record. */
  readonly row: Row
  /** The record was too large to be sent, and its row is gone: it holds the primary key only. */
  readonly truncated: boolean
  readonly transaction: Transaction
}

const OPERATIONS = ['INSERT', 'UPDATE', 'DELETE', 'READ'] as const

/**
 * Read the events of a message.
 *
 * @param body the message as it was signed
 * @param webhook what the message's "type" must be: the signature covers the body, not the path
 * @throws {HttpError} 400, it is no message, or another webhook's; the error names the member
 */
export function parse(body: Uint8Array, webhook: string): Event[] {
  const message = new Members('message', decoded(body))
  const type = message.oneOf('type', [webhook])
  const timestamp = message.time('timestamp')
  const transaction = transactionOf(message.members('transaction'))
  return message.list('data').map((element, index) => {
    const event = new Members(`event ${index}`, element)
    const record = event.row('record')
    const old_record = event.row('old_record')
    return {
      id: event.text('id'),
      type,
      timestamp,
      operation: event.oneOf('operation', OPERATIONS),
      schema: event.text('schema'),
      table: event.text('table'),
      record,
      old_record,
      row: record ?? old_record ?? {},
      truncated: event.flag('truncated'),
      transaction,
    }
  })
}

function decoded(body: Uint8Array): unknown {
  try {
    return decode(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body))
  } catch {
    // The parser's own message quotes the text.
    throw malformed('message', 'it is not JSON')
  }
}

function transactionOf(transaction: Members): Transaction {
  return {
    id: transaction.text('id'),
    actor: transaction.textOrNull('actor'),
    role: transaction.text('role'),
  }
}

/** The members of a JSON object, each of which must be of its kind. */
class Members {
  readonly #of: string
  readonly #values: Row

  constructor(of: string, value: unknown) {
    if (!isRow(value)) throw malformed(of, `it must be an object, not ${kind(value)}`)
    this.#of = of
    this.#values = value
  }

  text(name: string): string {
    const value = this.#required(name)
    return typeof value === 'string' ? value : this.#refuse(name, 'a string')
  }

  textOrNull(name: string): string | null {
    return this.#required(name) === null ? null : this.text(name)
  }

  oneOf<Text extends string>(name: string, allowed: readonly Text[]): Text {
    const value = this.text(name)
    return (
      allowed.find((each) => each === value) ??
      this.#refuse(name, allowed.map((each) => `"${each}"`).join(' or '))
    )
  }

  time(name: string): Date {
    const text = this.text(name)
    const time = new Date(text)
    const isTime = /\dT.*\d(?:Z|[+-]\d\d(?::?\d\d)?)$/.test(text) && !Number.isNaN(time.getTime())
    return isTime ? time : this.#refuse(name, 'a date and time with its time zone')
  }

  flag(name: string): boolean {
    const value = this.#values[name] ?? false
    return typeof value === 'boolean' ? value : this.#refuse(name, 'true or false')
  }

  list(name: string): readonly unknown[] {
    const value = this.#required(name)
    return Array.isArray(value) ? value : this.#refuse(name, 'an array')
  }

  row(name: string): Row | null {
    const value = this.#required(name)
    return value === null || isRow(value) ? value : this.#refuse(name, 'an object or null')
  }

  members(name: string): Members {
    return new Members(`"${name}" of the ${this.#of}`, this.#required(name))
  }

  #required(name: string): unknown {
    const value = this.#values[name]
    if (value === undefined) throw malformed(this.#of, `"${name}" is missing`)
    return value
  }

  #refuse(name: string, allowed: string): never {
    throw malformed(this.#of, `"${name}" must be ${allowed}`)
  }
}

function isRow(value: unknown): value is Row {
  return kind(value) === 'an object'
}

function kind(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

function malformed(what: string, why: string): HttpError {
  return new HttpError(400, `malformed ${what}: ${why}`)
}
