import { LostConnectionError, TransactionOverError } from './errors.js'

/** @typedef {import('postgres').TransactionSql} Transaction */

/** In the stack of an error of Postgres: behind it are the frames of whoever made the query. */
export const ASKED_BY = '\n    asked by:\n'

/**
 * Holds a transaction's `sql` to the transaction.
 *
 * What `postgres` gives works on after the end: a query that nobody had awaited would take effect alone, or in
 * the next transaction. And a query that waits for its turn when the connection breaks would wait for ever.
 */
export class Scope {
  #wire
  #over = false
  /** @type {Set<any>} queries and savepoints that have begun and not ended */
  #underWay = new Set()
  // Rejected when the work has failed, and when the connection has broken: who waits then waits in vain.
  #failed = /** @type {PromiseWithResolvers<never>} */ (Promise.withResolvers())
  #lost = /** @type {PromiseWithResolvers<never>} */ (Promise.withResolvers())

  /** @param {import('./wire.js').Wire} wire */
  constructor(wire) {
    this.#wire = wire
    for (const { promise } of [this.#failed, this.#lost]) promise.catch(() => {})
  }

  /**
   * Run a transaction's work; what it still does afterwards is refused.
   *
   * @template T
   * @param {Transaction} sql
   * @param {(sql: Transaction) => Promise<T>} work
   * @returns {Promise<T>} when the savepoints of the work have ended, too
   */
  async run(sql, work) {
    try {
      return await work(this.#guarded(sql))
    } catch (error) {
      // A savepoint whose own work still waits for something would keep the error back.
      this.#failed.reject(error)
      throw error
    } finally {
      this.#over = true
      // A savepoint ends with statements of its own. A query that is read by a cursor need not end at all.
      await Promise.allSettled([...this.#underWay].filter((each) => !each.cursorFn))
    }
  }

  /** Fail what will never be answered, once the transaction has ended. */
  abandon() {
    this.#lost.reject(new LostConnectionError())
    for (const each of this.#underWay) each.reject?.(new LostConnectionError())
  }

  /**
   * @param {Transaction} sql
   * @returns {Transaction}
   */
  #guarded(sql) {
    const ask = this.#asking(sql)
    return Object.assign(ask, sql, {
      unsafe: this.#asking(sql.unsafe),
      file: this.#asking(sql.file),
      // That of `postgres` would wait for another connection, and there is one.
      notify: (/** @type {string} */ channel, /** @type {string} */ payload) =>
        ask`select pg_notify(${channel}, ${String(payload)})`,
      savepoint: (/** @type {any[]} */ ...given) => this.#savepoint(sql, given),
    })
  }

  /** @param {(...given: any[]) => any} make makes a query, or a helper such as sql(ids) */
  #asking(make) {
    const ask = (/** @type {any[]} */ ...given) => {
      const query = make(...given)
      if (!query.handler) return query
      const refusal = this.#refusal(ask)
      // Queries are lazy: whether it comes too late is known when it is about to be sent.
      const { handler } = query
      query.handler = () => {
        if (this.#over && !this.#wire.lost) return query.reject(refusal)
        this.#follow(query)
        if (this.#wire.lost) return query.reject(new LostConnectionError())
        handler(query)
      }
      Object.defineProperty(query, 'origin', { get: () => refusal.stack?.replace(/.*\n/, ASKED_BY) })
      return query
    }
    return ask
  }

  /**
   * @param {Transaction} sql
   * @param {any[]} given
   */
  async #savepoint(sql, given) {
    if (this.#wire.lost) throw new LostConnectionError()
    if (this.#over) throw this.#refusal(this.#savepoint)
    const guarded = given.map((each) => (typeof each === 'function' ? this.#inner(each) : each))
    const done = /** @type {any} */ (sql.savepoint)(...guarded)
    this.#follow(done)
    return await Promise.race([done, this.#lost.promise])
  }

  /** @param {(sql: Transaction) => any} work a savepoint's */
  #inner(work) {
    return (/** @type {Transaction} */ sql) => {
      const made = work(this.#guarded(sql))
      return Promise.race([Array.isArray(made) ? Promise.all(made) : made, this.#failed.promise])
    }
  }

  /** @param {any} promise */
  #follow(promise) {
    const forget = () => this.#underWay.delete(promise)
    this.#underWay.add(promise)
    promise.then(forget, forget)
  }

  /** @param {Function} asked where its stack begins: what called this */
  #refusal(asked) {
    const error = new TransactionOverError(
      'a query came after the end of its transaction and was not sent: await every query and savepoint',
    )
    Error.captureStackTrace(error, asked)
    return error
  }
}
