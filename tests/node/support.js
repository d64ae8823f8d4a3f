/**
 * What the tests of Node.js workers share: events as queues hold them, a database, secrets, captured
 * output.
 */

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import postgres from 'postgres'

export const MESSAGE_ID = '01936b2e-7c00-7000-8000-000000000001'
export const DATABASE_URL = environment('DATABASE_URL')

/** @typedef {{ [name: string]: any }} Json */

const secretsManager = new SecretsManagerClient()

/** @param {string} name */
export function environment(name) {
  const value = process.env[name]
  if (!value)
    throw new Error(`${name} is not set: these tests are run by pytest, tests/unit/test_node_worker.py`)
  return value
}

/** The test's own connection, as the deploying role. */
export const db = postgres(DATABASE_URL, { max: 1, onnotice: () => {} })

/** As the superuser. */
export const admin = postgres(environment('ADMIN_DATABASE_URL'), { max: 1, onnotice: () => {} })

export async function disconnect() {
  await Promise.all([db.end(), admin.end()])
}

/**
 * The queue message of one event.
 *
 * @param {Json | null} record
 * @param {Json} [members]
 */
export function queued(record, members) {
  return {
    type: 'order.created',
    timestamp: '2026-11-23T15:00:00.123456Z',
    transaction: { id: '7341', actor: null, role: 'authenticated' },
    id: `${MESSAGE_ID}:0`,
    operation: 'INSERT',
    schema: 'public',
    table: 'orders',
    record,
    old_record: null,
    ...members,
  }
}

/** @param {number} count */
export function numbered(count) {
  return Array.from({ length: count }, (_, index) => queued({ id: index }, { id: `${MESSAGE_ID}:${index}` }))
}

/**
 * What Lambda hands a worker: a batch of SQS records with these bodies.
 *
 * @param {...(Json | string)} events
 * @returns {any}
 */
export function records(...events) {
  return {
    Records: events.map((event, index) => ({
      messageId: `record-${index}`,
      receiptHandle: `receipt-${index}`,
      attributes: { ApproximateReceiveCount: '1' },
      body: typeof event === 'string' ? event : JSON.stringify(event),
    })),
  }
}

/**
 * Invoke as Lambda does.
 *
 * @param {any} handler
 * @param {any} batch
 * @param {number[]} [remainingMs] the function's time that is left when each of the events begins; the last
 *   is that of all others too
 * @returns {Promise<string[]>} the records that failed
 */
export async function invoke(handler, batch, remainingMs = [60_000]) {
  const [last] = remainingMs.slice(-1)
  const left = remainingMs.values()
  const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => left.next().value ?? last }
  const answer = await handler(batch, context)
  return answer.batchItemFailures.map((/** @type {Json} */ failure) => failure.itemIdentifier)
}

/**
 * @param {Json} fields
 * @returns {Promise<string>} the entry's name
 */
export async function createSecret(fields) {
  const name = `external-compute/test/database-${randomUUID()}`
  await secretsManager.send(new CreateSecretCommand({ Name: name, SecretString: JSON.stringify(fields) }))
  return name
}

/**
 * @param {string} name
 * @param {Json | string} value
 */
export async function putSecret(name, value) {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  await secretsManager.send(new PutSecretValueCommand({ SecretId: name, SecretString: text }))
}

/**
 * Run something and return the JSON lines that it wrote to standard output and standard error.
 *
 * @param {() => Promise<unknown>} work
 * @returns {Promise<Json[]>}
 */
export async function output(work) {
  /** @type {Json[]} */
  const lines = []
  const keep = (/** @type {string} */ text) => {
    for (const line of String(text).split('\n')) if (line.startsWith('{"')) lines.push(JSON.parse(line))
    return true
  }
  const streams = [process.stdout, process.stderr].map((stream) => mock.method(stream, 'write', keep))
  try {
    await work()
  } finally {
    for (const stream of streams) stream.mock.restore()
  }
  return lines
}

/** @param {number} pid a server process, which is gone when this returns */
export async function terminate(pid) {
  await admin`select pg_terminate_backend(${pid}, 5000)`
}

/**
 * The connections to the tests' database whose name in pg_stat_activity begins so.
 *
 * @param {string} name
 * @returns {Promise<{ pid: number, query: string }[]>}
 */
export async function connections(name) {
  return await admin`
    select pid, query from pg_stat_activity
     where datname = current_database() and starts_with(application_name, ${name})`
}

/**
 * Wait until something holds.
 *
 * @param {() => Promise<boolean>} holds
 * @throws {Error} it doesn't within ten seconds
 */
export async function until(holds) {
  const end = Date.now() + 10_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`it took more than ten seconds: ${holds}`)
    await sleep(10)
  }
}

/**
 * Listen on a free port of this machine.
 *
 * @param {import('node:net').Server} server
 * @returns {Promise<number>} the port
 */
export async function listen(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port
}

/** An HTTP address of this machine at which nobody listens. */
export async function unusedAddress() {
  const server = createServer()
  const port = await listen(server)
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}
