/** Supabase Storage as the service role, by Supabase's own client. */

import { StorageClient } from '@supabase/storage-js'

import { required } from './environment.js'
import { SecretError } from './errors.js'
import * as secrets from './secrets.js'

const REQUEST_TIMEOUT_MS = 10_000

/**
 * Return a bucket, whose methods throw instead of returning an error.
 *
 * The address and the key are those of the entry SUPABASE_SERVICE_ROLE_SECRET_ID; a key that is refused is
 * read again once. A request takes at most ten seconds and is not repeated: the event is, by its queue.
 *
 * @param {string} name
 * @param {{ signal?: AbortSignal }} [options] signal: aborts every request
 * @throws {SecretError} the entry cannot be read, or its key is none
 */
export async function bucket(name, { signal } = {}) {
  const secretId = required(process.env, 'SUPABASE_SERVICE_ROLE_SECRET_ID')
  const url = (await secrets.field(secretId, 'url')).trim().replace(/\/+$/, '')
  await keyOf(secretId)
  return new StorageClient(`${url}/storage/v1`, {}, authorized(secretId, signal)).from(name).throwOnError()
}

/** @param {string} secretId */
async function keyOf(secretId) {
  const key = (await secrets.field(secretId, 'service_role_key')).trim()
  if (!/^[\x21-\x7e]+$/.test(key)) {
    // The error of fetch quotes a header that it can't send.
    throw new SecretError(
      `"service_role_key" of secret "${secretId}" is no key: it holds white space or characters beyond ASCII`,
    )
  }
  return key
}

/**
 * @param {string} secretId
 * @param {AbortSignal | undefined} signal
 * @returns {typeof fetch}
 */
function authorized(secretId, signal) {
  return async (input, init) => {
    const key = await keyOf(secretId)
    const answer = await send(input, init, key, signal)
    if (!(await refused(answer))) return answer
    await secrets.refresh(secretId)
    const changed = await keyOf(secretId)
    return changed === key ? answer : send(input, init, changed, signal)
  }
}

/**
 * @param {Parameters<typeof fetch>[0]} input
 * @param {Parameters<typeof fetch>[1]} init
 * @param {string} key
 * @param {AbortSignal | undefined} signal
 */
function send(input, init, key, signal) {
  const headers = new Headers(init?.headers)
  headers.set('apikey', key)
  // A new key (sb_secret_…) is no token: the gateway puts one in its place.
  if (key.split('.').length === 3) headers.set('authorization', `Bearer ${key}`)
  const signals = [AbortSignal.timeout(REQUEST_TIMEOUT_MS), init?.signal, signal].filter(
    (each) => each != null,
  )
  return fetch(input, { ...init, headers, signal: AbortSignal.any(signals) })
}

/**
 * Whether the key was refused: by the gateway with the status, by Storage in the body of a 400.
 *
 * @param {Response} answer
 */
async function refused(answer) {
  if (answer.status === 401 || answer.status === 403) return true
  if (answer.status !== 400) return false
  const body = await answer.clone().text()
  return /"statusCode"\s*:\s*"?40[13]\b/.test(body)
}
