import { Metrics } from '@aws-lambda-powertools/metrics'

import { Database } from './database.js'
import { required } from './environment.js'
import {
  DatabaseUnavailableError,
  LostConnectionError,
  OutOfTimeError,
  PoolerFullError,
  TimeLimitError,
} from './errors.js'
import { Event } from './events.js'
import { describe } from './failures.js'
import { logger } from './logs.js'
import * as retries from './retries.js'
import { whole } from './thin.js'

/**
 * @typedef {import('aws-lambda').SQSRecord} SQSRecord
 * @typedef {import('aws-lambda').SQSEvent} SQSEvent
 * @typedef {import('aws-lambda').SQSBatchResponse} SQSBatchResponse
 * @typedef {Pick<import('aws-lambda').Context, 'getRemainingTimeInMillis' | 'awsRequestId'>} LambdaContext
 * @typedef {import('postgres').TransactionSql} Sql
 *
 * @typedef {object} Context
 * @property {typeof logger} log writes JSON lines that carry the event's id and webhook
 * @property {AbortSignal} signal aborts when the function's time is nearly over: hand it to fetch and the
 *   like
 *
 * @typedef {(event: Event, sql: Sql, context: Context) => any} Handler
 *   Business logic for one event. `sql` is `postgres`' tagged template, in the event's transaction.
 *
 * @typedef {object} Worker What Lambda calls with a batch; a test calls it with an Event and a `sql` of its
 *   own.
 * @property {() => Promise<void>} close closes the connection to Postgres, if there is one
 */

// An event needs some time to be worth beginning, and the function some to report what became of its batch.
const MIN_EVENT_MS = 1_000
const REPORT_MS = 1_000
// What ends by itself when its time is over (a statement, a fetch) has so long to say so.
const GRACE_MS = 250

/**
 * Turn a handler of single events into a Lambda function behind an SQS queue.
 *
 * Each event is handled in a transaction of its own, which also records the event's id: a duplicate is
 * skipped, and an event whose handler throws goes back to the queue without an effect.
 *
 * @example
 *   export const handler = worker(async (event, sql) => {
 *     await sql`update …`
 *   })
 *
 * @param {Handler} handle
 * @returns {Worker & { (batch: SQSEvent, context: LambdaContext): Promise<SQSBatchResponse>,
 *   (event: Event, sql: Sql, context?: Partial<Context>): Promise<unknown> }}
 */
export function worker(handle) {
  const made = new BatchHandler(handle)
  // Lambda takes a function with three parameters for one that answers by a callback, and refuses it.
  const call = async (/** @type {any[]} */ ...[event, context, given]) =>
    event instanceof Event
      ? handle(event, context, { log: logger, signal: new AbortController().signal, ...given })
      : made.run(event, context)
  return /** @type {any} */ (Object.assign(call, { close: () => made.close() }))
}

/** What the deployment tells a worker. */
function settingsFrom(/** @type {NodeJS.ProcessEnv} */ environment) {
  return {
    worker: required(environment, 'WORKER'),
    queueUrl: required(environment, 'QUEUE_URL'),
    databaseSecretId: required(environment, 'DATABASE_SECRET_ID'),
    databaseTls: required(environment, 'DATABASE_TLS'),
  }
}

class BatchHandler {
  #handle
  /** @type {{ settings: ReturnType<typeof settingsFrom>, database: Database, metrics: Metrics } | null} */
  #made = null

  /** @param {Handler} handle */
  constructor(handle) {
    this.#handle = handle
  }

  /**
   * @param {SQSEvent} batch
   * @param {LambdaContext} context
   * @returns {Promise<SQSBatchResponse>} the records that failed, as `ReportBatchItemFailures` wants them
   */
  async run(batch, context) {
    this.#made ??= this.#make()
    const { settings, database, metrics } = this.#made
    const invocation = new Invocation(this.#handle, settings.worker, database, context)
    try {
      for (const record of batch.Records) await invocation.process(record)
      await retries.schedule(settings.queueUrl, invocation.failed)
      await retries.schedule(settings.queueUrl, invocation.postponed, { seconds: invocation.outageSeconds })
      return { batchItemFailures: invocation.unprocessed }
    } finally {
      publish(metrics, settings.worker, invocation)
    }
  }

  async close() {
    await this.#made?.database.close()
  }

  #make() {
    const settings = settingsFrom(process.env)
    const options = { tls: settings.databaseTls, applicationName: settings.worker }
    return { settings, database: new Database(settings.databaseSecretId, options), metrics: new Metrics() }
  }
}

/**
 * @param {Metrics} metrics
 * @param {string} worker
 * @param {Invocation} invocation
 */
function publish(metrics, worker, { outcomes, longestWaitMs }) {
  if (!outcomes.size) return
  // Without the service there is one dimension: metrics of a worker are found by its name alone.
  metrics.clearDefaultDimensions()
  metrics.addDimension('worker', worker)
  for (const [name, count] of outcomes) metrics.addMetric(name, 'Count', count)
  if (longestWaitMs) metrics.addMetric('DatabaseWait', 'Milliseconds', Math.round(longestWaitMs * 10) / 10)
  metrics.publishStoredMetrics()
}

/**
 * By what an event is found in logs.
 *
 * @param {Event} event
 */
function keysOf(event) {
  return { message_id: event.messageId, event_id: event.id, webhook: event.type }
}

/** What became of the events of one batch so far, and whether the database can be reached. */
class Invocation {
  #handle
  #worker
  #database
  #context
  /** @type {DatabaseUnavailableError | null} */
  #unavailable = null
  /** @type {Map<string, number>} */
  outcomes = new Map()
  /** How long a transaction took to begin: to connect, and for the pooler to have a connection free. */
  longestWaitMs = 0
  /** @type {SQSBatchResponse['batchItemFailures']} */
  unprocessed = []
  /** @type {SQSRecord[]} */
  failed = []
  /** @type {SQSRecord[]} */
  postponed = []

  /**
   * @param {Handler} handle
   * @param {string} worker
   * @param {Database} database
   * @param {LambdaContext} context
   */
  constructor(handle, worker, database, context) {
    this.#handle = handle
    this.#worker = worker
    this.#database = database
    this.#context = context
  }

  /** The seconds until an event is received again that was postponed, or how to tell them. */
  get outageSeconds() {
    // An outage outlasts the attempts of an event that fails by itself.
    return this.#unavailable instanceof PoolerFullError
      ? retries.fullPoolerDelaySeconds
      : retries.LONGEST_SECONDS
  }

  /**
   * Process one SQS record; whatever makes it fail is logged and remembered.
   *
   * @param {SQSRecord} record
   */
  async process(record) {
    const fields = { sqs_message_id: record.messageId }
    try {
      const event = Event.parse(record.body)
      Object.assign(fields, keysOf(event))
      const outcome = await this.#process(event)
      this.#count(outcome)
      logger.info(outcome === 'EventProcessed' ? 'event processed' : 'duplicate skipped', fields)
    } catch (error) {
      this.#count('EventFailed')
      logger.error('event failed', { ...fields, ...describe(error) })
      this.unprocessed.push({ itemIdentifier: record.messageId })
      if (error instanceof DatabaseUnavailableError) this.postponed.push(record)
      else if (!(error instanceof OutOfTimeError)) this.failed.push(record)
    }
  }

  /** @param {Event} event */
  async #process(event) {
    // Each further attempt to connect would take seconds from the same invocation.
    if (this.#unavailable) throw this.#unavailable
    const timeoutMs = this.#context.getRemainingTimeInMillis() - REPORT_MS
    if (timeoutMs < MIN_EVENT_MS) {
      throw new OutOfTimeError('too little time left to begin this event; it will be received again')
    }
    const requestId = this.#context.awsRequestId
    const asked = performance.now()
    const waited = () => (this.longestWaitMs = Math.max(this.longestWaitMs, performance.now() - asked))
    const once = (/** @type {Sql} */ sql, /** @type {AbortSignal} */ signal) => {
      waited()
      return this.#once(event, sql, signal)
    }
    try {
      return await this.#withinTime(timeoutMs, (signal) =>
        this.#database.transaction((sql) => once(sql, signal), { timeoutMs, requestId, signal }),
      )
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) waited()
      if (error instanceof DatabaseUnavailableError) this.#unavailable = error
      throw error
    }
  }

  /**
   * @param {Event} event
   * @param {Sql} sql
   * @param {AbortSignal} signal
   */
  async #once(event, sql, signal) {
    const { count } = await sql`
      insert into bridge.processed_event (worker, event_id) values (${this.#worker}, ${event.id})
      on conflict do nothing`
    if (count === 0) return 'EventDuplicate'
    const log = logger.createChild({ persistentKeys: keysOf(event) })
    await this.#handle(await whole(event, sql), sql, { log, signal })
    return 'EventProcessed'
  }

  /**
   * @template T
   * @param {number} timeoutMs
   * @param {(signal: AbortSignal) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #withinTime(timeoutMs, work) {
    const controller = new AbortController()
    const busy = new TimeLimitError('the event was still being handled when its time was over')
    const { promise: hung, reject } = Promise.withResolvers()
    const timers = [
      setTimeout(() => controller.abort(busy), timeoutMs),
      setTimeout(() => reject(busy), timeoutMs + GRACE_MS),
    ]
    try {
      return await Promise.race([work(controller.signal), /** @type {Promise<never>} */ (hung)])
    } catch (error) {
      if (!controller.signal.aborted) throw error
      // Whatever a handler that is still busy does from now on must have no effect.
      await this.#database.close()
      // Postgres, too, ends a transaction whose handler does something else for so long.
      throw error instanceof LostConnectionError ? busy : error
    } finally {
      timers.forEach(clearTimeout)
    }
  }

  /** @param {string} outcome */
  #count(outcome) {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }
}
