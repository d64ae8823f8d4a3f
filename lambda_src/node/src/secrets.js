/** Secrets Manager entries: JSON objects of strings, cached in the running function. */

import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'

import { CLIENT } from './aws.js'
import { SecretError, UnfilledSecretError } from './errors.js'
import { logger } from './logs.js'

/** @typedef {Readonly<Record<string, string>>} Fields */

const LIFETIME_MS = 300_000
const PARTS = /external-compute\/([^/]+)\/([a-z-]+)/

const client = new SecretsManagerClient(CLIENT)
/** @type {Map<string, { fields: Fields, readAt: number }>} */
const cache = new Map()

/**
 * Read an entry, or return the copy in memory.
 *
 * @param {string} secretId the entry's name or ARN
 * @param {{ maxAgeMs?: number }} [options] milliseconds after which the copy in memory is read again
 * @returns {Promise<Fields>} the entry's members
 * @throws {UnfilledSecretError} the entry has no value yet
 * @throws {SecretError} it cannot be read and there is no copy, or it is not a JSON object of strings
 */
export async function get(secretId, { maxAgeMs = LIFETIME_MS } = {}) {
  const cached = cache.get(secretId)
  if (cached && Date.now() - cached.readAt < maxAgeMs) return cached.fields
  const fields = await read(secretId).catch((error) => {
    if (!cached || !(error instanceof SecretError)) throw error
    // An outage of Secrets Manager mustn't stop events; ask again only after another lifetime.
    logger.warn(`${error.message}; the copy in memory is used`)
    return cached.fields
  })
  cache.set(secretId, { fields, readAt: Date.now() })
  return fields
}

/**
 * Read an entry again, whatever the age of the copy in memory; otherwise like get.
 *
 * @param {string} secretId
 */
export function refresh(secretId) {
  return get(secretId, { maxAgeMs: 0 })
}

/**
 * Return one member of an entry, which must be filled.
 *
 * @param {string} secretId
 * @param {string} name
 * @throws {UnfilledSecretError} the member is missing or empty
 * @throws {SecretError} the entry cannot be read
 */
export async function field(secretId, name) {
  const fields = await get(secretId)
  const value = Object.hasOwn(fields, name) && fields[name]
  if (!value) throw new UnfilledSecretError(`"${name}" of secret "${secretId}" is empty: ${remedy(secretId)}`)
  return value
}

/** Empty the cache. */
export function forget() {
  cache.clear()
}

/** @param {string} secretId */
async function read(secretId) {
  let text
  try {
    text = (await client.send(new GetSecretValueCommand({ SecretId: secretId }))).SecretString
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) {
      throw new SecretError(`secret "${secretId}" cannot be read: ${reason(error)}`)
    }
  }
  if (text === undefined)
    throw new UnfilledSecretError(`secret "${secretId}" has no value: ${remedy(secretId)}`)
  return parse(secretId, text)
}

/**
 * @param {string} secretId
 * @param {string} text
 * @returns {Fields}
 */
function parse(secretId, text) {
  let fields
  try {
    fields = JSON.parse(text)
  } catch {
    // Said below; the parser's own message quotes the text.
  }
  const isObject = typeof fields === 'object' && fields !== null && !Array.isArray(fields)
  if (!isObject || !Object.values(fields).every((value) => typeof value === 'string')) {
    throw new SecretError(`secret "${secretId}" is not a JSON object of strings: ${remedy(secretId)}`)
  }
  return fields
}

/** @param {any} error */
function reason(error) {
  return error?.code ? `${error.name} (${error.code})` : error?.name
}

/** @param {string} secretId */
function remedy(secretId) {
  const stage = PARTS.exec(secretId)?.[1] ?? '<stage>'
  return `fill it with "make secrets STAGE=${stage} ENV_FILE=<your .env>"`
}
