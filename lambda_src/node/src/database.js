import postgres from 'postgres'

import { FULL_REMEDY, NoAnswerError, connect, patiently, saysFull } from './connecting.js'
import {
  DatabaseUnavailableError,
  LostConnectionError,
  LostTransactionError,
  PoolerFullError,
  SettingsError,
} from './errors.js'
import { Scope } from './scope.js'
import { TLS_MODES } from './tls.js'

// A full pooler lets BEGIN wait for minutes, and a connection cut without a word lets it wait for ever.
const BEGIN_TIMEOUT_MS = 15_000
// NAT gateways and load balancers forget a connection that idles for 350 s, and tell no one.
const MAX_IDLE_MS = 300_000
// One that idled for longer may be gone without a word: BEGIN on it is given up early, for a new connection.
// Not sooner: a full pooler keeps in its queue whoever left without being served, and would have each twice.
const DOUBTED_IDLE_MS = 60_000
const DOUBTED_PATIENCE_MS = 2_000

/**
 * @typedef {import('postgres').TransactionSql} Transaction
 * @typedef {import('./connecting.js').Connection} Connection
 */

/**
 * One lazily made connection to Postgres, through the pooler in transaction mode.
 *
 * The pooler gives a connection to each transaction and takes it back at its end: nothing here relies on the
 * session (no SET, no prepared statements, no LISTEN); settings are made with `set local`.
 */
export class Database {
  #settings
  /** @type {Connection | null} */
  #connection = null
  /** @type {Promise<Connection> | null} */
  #coming = null

  /**
   * @param {string} secretId the Secrets Manager entry with "database_url" and, if need be, "ca_certificate"
   * @param {{ tls: string, applicationName: string }} options tls: disable, require, verify-ca or
   *   verify-full; decides, whatever the URL says. applicationName: shown in pg_stat_activity
   * @throws {SettingsError} tls is none of the modes
   */
  constructor(secretId, { tls, applicationName }) {
    if (!TLS_MODES.includes(tls)) {
      throw new SettingsError(`DATABASE_TLS is "${tls}", but must be one of: ${TLS_MODES.join(', ')}`)
    }
    this.#settings = { secretId, tls, applicationName }
  }

  /**
   * Run a transaction; it commits when `work` is done and rolls back if that throws, or if one of its
   * statements failed, even where the error was caught: what may fail goes into `sql.savepoint`. Queries that
   * come after its end are refused with a TransactionOverError.
   *
   * @template T
   * @param {(sql: Transaction) => Promise<T>} work
   * @param {{ timeoutMs: number, requestId?: string, signal?: AbortSignal }} options timeoutMs: that a
   *   statement, or a pause between two, may take: a function that was stopped half-way must not hold its
   *   locks. requestId: shown in pg_stat_activity beside the function's name. signal: once it has aborted,
   *   `work` is not begun any more; what has begun is ended by `close`
   * @returns {Promise<T>}
   * @throws the signal's reason, if it aborted before `work` was begun
   * @throws {DatabaseUnavailableError} no connection could be made, or it broke twice before `work` was begun
   * @throws {PoolerFullError} none was free
   * @throws {LostConnectionError} it broke meanwhile
   * @throws {LostTransactionError} `work` ended the transaction
   */
  async transaction(work, { timeoutMs, requestId = '', signal }) {
    const name = shownName(this.#settings.applicationName, requestId)
    const patienceMs = Math.min(timeoutMs, BEGIN_TIMEOUT_MS)
    const endOfPatience = Date.now() + patienceMs
    let begun = false
    const attempt = async (/** @type {number} */ patienceMs) => {
      signal?.throwIfAborted()
      const connection = await this.#connected(patienceMs)
      signal?.throwIfAborted()
      const doubted = Date.now() - connection.usedAt > DOUBTED_IDLE_MS
      try {
        return await transact(connection, { timeoutMs, patienceMs, doubted, name }, (sql) => {
          signal?.throwIfAborted()
          begun = true
          return work(sql)
        })
      } finally {
        connection.usedAt = Date.now()
      }
    }
    // Of a transaction that a connection lost while idle could not begin, nothing has run.
    const unbegun = (/** @type {unknown} */ error) => !begun && error instanceof LostConnectionError
    try {
      return await attempt(patienceMs)
    } catch (error) {
      if (!unbegun(error)) throw error
    }
    try {
      return await attempt(Math.max(endOfPatience - Date.now(), 1))
    } catch (error) {
      throw unbegun(error) ? unavailable(/** @type {Error} */ (error).message) : error
    }
  }

  /** Close the connection, if there is one: what was not committed is undone, the next use makes another. */
  async close() {
    const [connection, coming] = [this.#connection, this.#coming]
    this.#connection = this.#coming = null
    // One that is still being made may take longer than whoever closes has. If it fails, its user is told.
    coming?.then(end, () => {})
    if (connection) await end(connection)
  }

  /** @param {number} patienceMs */
  async #connected(patienceMs) {
    const connection = this.#connection
    const idleMs = connection ? Date.now() - connection.usedAt : 0
    if (connection?.wire.lost || idleMs > MAX_IDLE_MS) await this.close()
    return this.#connection ?? (await this.#connect(patienceMs))
  }

  /** @param {number} patienceMs */
  async #connect(patienceMs) {
    // The promise is kept, not what it gives: transactions that overlap wait for the same connection.
    const coming = (this.#coming ??= connect(this.#settings, patienceMs))
    try {
      const connection = await coming
      if (this.#coming === coming) this.#connection = connection
      return connection
    } finally {
      if (this.#coming === coming) this.#coming = null
    }
  }
}

/** @param {Connection} connection */
async function end({ sql, wire }) {
  await sql.end({ timeout: 0 })
  wire.destroy()
}

/**
 * @template T
 * @param {Connection} connection
 * @param {{ timeoutMs: number, patienceMs: number, doubted: boolean, name: string }} settings doubted: taken
 *   for lost unless it answers soon
 * @param {(sql: Transaction) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function transact({ sql, wire }, { timeoutMs, patienceMs, doubted, name }, work) {
  let begun = false
  const scope = new Scope(wire)
  const begunWithinMs = doubted ? Math.min(DOUBTED_PATIENCE_MS, Math.ceil(patienceMs / 2)) : patienceMs
  try {
    const done = patiently(wire, begunWithinMs, (answered) =>
      sql.begin(async (db) => {
        const id = await begin(db, timeoutMs, name)
        answered()
        begun = true
        const result = await scope.run(db, work)
        await requireTransaction(db, id)
        return result
      }),
    )
    return /** @type {T} */ (await done)
  } catch (error) {
    if (error instanceof NoAnswerError) {
      throw doubted ? new LostConnectionError(error.message) : unavailable(error.message, { full: true })
    }
    if (error instanceof postgres.PostgresError) throw begun ? error : unavailable(error.message)
    if (!wire.lost) throw error
    // Once it has begun, an error that the server said last may be of a statement, and quote its values.
    const reason = begun ? null : wire.lastWords
    throw reason && saysFull(reason) ? unavailable(reason) : new LostConnectionError(reason)
  } finally {
    scope.abandon()
  }
}

/** @param {string} reason */
function unavailable(reason, { full = saysFull(reason) } = {}) {
  const said = `no transaction could be begun: ${reason}`
  return full ? new PoolerFullError(`${said}; ${FULL_REMEDY}`) : new DatabaseUnavailableError(said)
}

/**
 * @param {Transaction} sql
 * @param {number} timeoutMs
 * @param {string} name
 * @returns {Promise<string>} the transaction's id
 */
async function begin(sql, timeoutMs, name) {
  const [row] = await sql.unsafe(
    `select set_config('statement_timeout', '${timeoutMs}', true),` +
      ` set_config('idle_in_transaction_session_timeout', '${timeoutMs}', true),` +
      ` set_config('application_name', '${name}', true),` +
      ' pg_current_xact_id()::text as id',
  )
  return row.id
}

/**
 * Postgres keeps 63 bytes: the whole id finds the request, the name may be cut.
 *
 * @param {string} applicationName
 * @param {string} requestId
 */
function shownName(applicationName, requestId) {
  const plain = (/** @type {string} */ text) => text.replace(/[^\w.:-]/g, '?')
  const id = plain(requestId).slice(-40)
  return `${plain(applicationName).slice(0, 62 - id.length)} ${id}`.trim()
}

/**
 * @param {Transaction} sql
 * @param {string} id the transaction's that was begun
 */
async function requireTransaction(sql, id) {
  const [row] = await sql.unsafe('select pg_current_xact_id_if_assigned()::text as id')
  if (row.id !== id) {
    throw new LostTransactionError(
      'the transaction was ended by its own code: leave COMMIT and ROLLBACK to the caller',
    )
  }
}
