/** How a connection to Postgres is made. */

import postgres from 'postgres'

import { DatabaseUnavailableError, PoolerFullError, SecretError } from './errors.js'
import { decode } from './json_text.js'
import * as secrets from './secrets.js'
import { tlsOptions } from './tls.js'
import { Wire } from './wire.js'

const CONNECT_TIMEOUT_MS = 5_000
// What PgBouncer, Supavisor and Postgres say when every connection is taken.
const FULL = new RegExp(
  [
    'no more connections allowed',
    'query_wait_timeout',
    'max client connections',
    'ECHECKOUTTIMEOUT',
    'check out (connection|process)',
    'checkout timed out',
    'too many (clients|connections)',
    'remaining connection slots',
  ].join('|'),
  'i',
)
export const FULL_REMEDY = 'lower max_concurrency, or give the pooler more'

/**
 * @typedef {{ host: string, port: number, user: string, password: string, database: string, options?: string
 *   }} Address
 * @typedef {{ sql: import('postgres').Sql, wire: Wire, usedAt: number }} Connection
 *
 * @typedef {object} Settings
 * @property {string} secretId the Secrets Manager entry with "database_url" and, if need be, "ca_certificate"
 * @property {string} tls disable, require, verify-ca or verify-full; decides, whatever the URL says
 * @property {string} applicationName shown in pg_stat_activity
 */

// Text is handed to Postgres as it is: its time stamps are finer than a Date, its "f" is not true.
const TYPES = {
  json: { to: 114, from: [114, 3802], serialize: JSON.stringify, parse: decode },
  boolean: {
    to: 16,
    from: [16],
    serialize: (/** @type {unknown} */ value) => String(value),
    parse: (/** @type {string} */ text) => text === 't',
  },
  date: {
    to: 1184,
    from: [1082, 1114, 1184],
    serialize: (/** @type {unknown} */ value) =>
      value instanceof Date ? value.toISOString() : String(value),
    parse: (/** @type {string} */ text) => new Date(text),
  },
}

/**
 * Connect; if that fails, once more with what the secret says now.
 *
 * @param {Settings} settings
 * @param {number} patienceMs
 * @returns {Promise<Connection>}
 * @throws {DatabaseUnavailableError} no connection could be made
 * @throws {PoolerFullError} ... because every one is taken
 * @throws {SecretError} the secret can't be read, or holds no URL
 */
export async function connect(settings, patienceMs) {
  const fields = await secrets.get(settings.secretId)
  try {
    return await open(settings, fields, patienceMs)
  } catch (error) {
    if (!(error instanceof DatabaseUnavailableError) || error instanceof PoolerFullError) throw error
    // The password or the address may have changed since the entry was read.
    const changed = await secrets.refresh(settings.secretId)
    if (JSON.stringify(changed) === JSON.stringify(fields)) throw error
    return await open(settings, changed, patienceMs)
  }
}

/**
 * Whether the pooler, or Postgres, has no connection left to give.
 *
 * @param {string} said
 */
export function saysFull(said) {
  return FULL.test(said)
}

/** Nobody answered in time. */
export class NoAnswerError extends Error {}

/**
 * Give up a connection that doesn't answer in time: a full pooler lets everything but the login wait.
 *
 * @template T
 * @param {Wire} wire
 * @param {number} patienceMs
 * @param {(answered: () => void) => Promise<T>} ask calls `answered` when it has been, else it must be over
 *   in time
 * @returns {Promise<T>}
 */
export async function patiently(wire, patienceMs, ask) {
  let silent = false
  const timer = setTimeout(() => {
    silent = true
    wire.destroy()
  }, patienceMs)
  try {
    return await ask(() => clearTimeout(timer))
  } catch (error) {
    throw silent ? new NoAnswerError(`no answer within ${patienceMs} ms`) : error
  } finally {
    clearTimeout(timer)
  }
}

/**
 * @param {Settings} settings
 * @param {secrets.Fields} fields
 * @param {number} patienceMs
 */
async function open({ secretId, tls, applicationName }, fields, patienceMs) {
  const address = parse(await secrets.field(secretId, 'database_url'), secretId)
  const options = tlsOptions(tls, { host: address.host, ca: fields.ca_certificate })
  /** @type {Wire | undefined} */
  let wire
  try {
    const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS)
    const opened = (wire = await Wire.open(address, { tls: options, signal }))
    return await patiently(opened, patienceMs, () => login(opened, address, applicationName))
  } catch (error) {
    const said = reason(error, wire?.lastWords, { password: address.password, tls })
    // Whoever answers the login, and then not, has no connection for it.
    const full = saysFull(said) || (error instanceof NoAnswerError && wire?.greeted)
    throw new (full ? PoolerFullError : DatabaseUnavailableError)(
      `cannot connect to Postgres at ${address.host}:${address.port}: ${said}${full ? `; ${FULL_REMEDY}` : ''}`,
    )
  }
}

/**
 * @param {string} url
 * @param {string} secretId
 * @returns {Address}
 */
function parse(url, secretId) {
  try {
    const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(url)
    const user = decodeURIComponent(username)
    if (!/^postgres(ql)?:$/.test(protocol) || !hostname || !user) throw new TypeError('incomplete')
    return {
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port || 5432),
      user,
      password: decodeURIComponent(password),
      database: decodeURIComponent(pathname.slice(1)) || user,
      options: searchParams.get('options') ?? undefined,
    }
  } catch {
    // The parser's own error quotes the URL, and with it the password.
    throw new SecretError(
      `"database_url" of secret "${secretId}" is not of the form` +
        ' postgresql://user:password@host:port/database (special characters percent-encoded)',
    )
  }
}

/**
 * @param {Wire} wire
 * @param {Address} address
 * @param {string} applicationName
 * @returns {Promise<Connection>}
 */
async function login(wire, { host, port, user, password, database, options }, applicationName) {
  const sql = postgres(
    /** @type {{}} */ ({
      host,
      port,
      user,
      password,
      database,
      socket: () => wire,
      ssl: false,
      max: 1,
      prepare: false,
      // It would ask before the first statement, and end the process if the connection broke meanwhile.
      fetch_types: false,
      connect_timeout: CONNECT_TIMEOUT_MS / 1_000,
      idle_timeout: null,
      max_lifetime: null,
      keep_alive: null,
      connection: { application_name: applicationName, ...(options && { options }) },
      types: TYPES,
      onnotice: () => {},
    }),
  )
  wire.once('lost', async () => {
    await sql.end({ timeout: 0 })
    wire.emit('close')
  })
  try {
    await sql.unsafe('select 1')
    return { sql, wire, usedAt: Date.now() }
  } catch (error) {
    await sql.end({ timeout: 0 })
    wire.destroy()
    throw error
  }
}

/**
 * @param {any} error
 * @param {string | null | undefined} lastWords the server's
 * @param {{ password: string, tls: string }} settings
 */
function reason(error, lastWords, { password, tls }) {
  const causes = error instanceof AggregateError ? error.errors : [lastWords ? { message: lastWords } : error]
  let text = causes.map((/** @type {any} */ cause) => cause.message.split('; if the root CA')[0]).join('; ')
  if (error.name === 'AbortError' || error.name === 'TimeoutError')
    text = `no answer within ${CONNECT_TIMEOUT_MS} ms`
  if (password) text = text.replaceAll(password, '***')
  if (text.includes('server does not support SSL')) {
    return `${text}; give the server a certificate, or set database_tls = "disable" (now "${tls}")`
  }
  if (/certificate/i.test(text)) {
    return `${text}; check "ca_certificate" in the database secret and database_tls (now "${tls}")`
  }
  return text
}
