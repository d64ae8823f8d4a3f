/**
 * Postgres over Hyperdrive.
 *
 * The driver is `pg`, as Cloudflare recommends. `postgres` would do worse here: it asks for the types of parameters in a
 * round trip of its own, which Hyperdrive's pooling doesn't bear without prepared statements, and it connects again in
 * the middle of a transaction, whose late statements then take effect alone.
 * https://developers.cloudflare.com/hyperdrive/examples/connect-to-postgres/postgres-drivers-and-libraries/postgres-js/
 *
 * Hyperdrive gives a connection to each transaction and takes it back at its end, so nothing here relies on the session:
 * settings are made with `set local`, statements have no names.
 */

import { Client, type QueryResultRow } from 'pg'

import type { Context, Env } from './env'
import { LostTransactionError, UnavailableError } from './errors'

const CONNECT_MS = 5_000
const STATEMENT_MS = 10_000
// Longer than Postgres lets a statement run: it ends only what nobody answers any more.
const SILENCE_MS = STATEMENT_MS + 2_000
// In one round trip. What was cut off half-way must not hold its locks.
const BEGIN = [
  'begin',
  `set local statement_timeout = ${STATEMENT_MS}`,
  `set local idle_in_transaction_session_timeout = ${STATEMENT_MS}`,
].join(';')

/**
 * A transaction's statements: ``await sql<{ id: string }>`select id from public.orders where total > ${limit}` ``.
 *
 * Values are bound, and given to Postgres as text. What comes back is as `pg` has it: bigint and numeric are strings,
 * time stamps are `Date`s.
 */
export interface Sql {
  <Row extends object>(strings: TemplateStringsArray, ...values: readonly unknown[]): Promise<Row[]>
  /** For statements whose text is put together: `$1` and so on stand for the values. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

/** As whom a transaction reads: the verified claims of a user's token. */
export interface Caller {
  readonly role: string
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * Connect for the length of one request, however it ends.
 *
 * @throws {UnavailableError} Postgres is out of reach
 */
export async function withDatabase<T>(
  { HYPERDRIVE }: Env,
  context: Context,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const client = new Client({
    connectionString: HYPERDRIVE.connectionString,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: SILENCE_MS,
  })
  // A connection that breaks between two statements says so by an event; the next statement fails of it as well.
  client.on('error', () => {})
  try {
    await client.connect().catch((cause: unknown) => {
      throw new UnavailableError('Postgres is out of reach', { cause })
    })
    return await work(new Database(client))
  } finally {
    // The answer doesn't wait for the farewell.
    context.waitUntil(client.end().catch(() => {}))
  }
}

export class Database {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  /**
   * Run a transaction: it commits when `work` is done, and rolls back if that throws.
   *
   * @param work gets the transaction's `sql`, which is refused after its end
   * @param caller on whose behalf it runs, so that row-level security decides; else as the role `edge`
   * @throws {UnavailableError} the connection broke; nothing of the transaction has taken effect, unless it was lost
   *   while it committed
   * @throws {LostTransactionError} one of its statements had failed, though `work` didn't
   */
  async transaction<T>(work: (sql: Sql) => Promise<T>, caller?: Caller): Promise<T> {
    const scope = { over: false }
    try {
      await this.#client.query(BEGIN)
      if (caller) await this.#act(caller)
      const result = await work(this.#sql(scope)).finally(() => (scope.over = true))
      await this.#commit()
      return result
    } catch (error) {
      await this.#rollBack(error)
      throw error
    }
  }

  async #act({ role, claims }: Caller): Promise<void> {
    await this.#client.query(
      `select set_config('request.jwt.claims', $1, true), set_config('role', $2, true)`,
      [JSON.stringify(claims), role],
    )
  }

  async #commit(): Promise<void> {
    // Postgres answers the commit of a transaction with a failed statement by rolling back, which is no error to it.
    const { command } = await this.#client.query('commit')
    if (command !== 'COMMIT') {
      throw new LostTransactionError('the transaction was rolled back: one of its statements had failed')
    }
  }

  async #rollBack(cause: unknown): Promise<void> {
    try {
      await this.#client.query('rollback')
    } catch {
      throw new UnavailableError('the connection to Postgres broke', { cause })
    }
  }

  #sql(scope: { readonly over: boolean }): Sql {
    const query = async <Row extends object>(
      text: string,
      values: readonly unknown[] = [],
    ): Promise<Row[]> => {
      if (scope.over) throw new LostTransactionError('the transaction is over: await every statement')
      const missing = values.indexOf(undefined)
      if (missing >= 0) throw new TypeError(`the value of $${missing + 1} is undefined`)
      const { rows } = await this.#client.query<Row & QueryResultRow>(text, [...values])
      return rows
    }
    const tagged = <Row extends object>(strings: TemplateStringsArray, ...values: readonly unknown[]) =>
      query<Row>(
        strings.reduce((text, part, index) => `${text}$${index}${part}`),
        values,
      )
    return Object.assign(tagged, { query })
  }
}
