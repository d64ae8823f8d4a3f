/**
 * Signatures by Standard Webhooks 1.0.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

import { SettingError, SignatureError } from '../errors'

export const TOLERANCE_SECONDS = 300

const MESSAGE_ID = /^[A-Za-z0-9_-]{1,128}$/
const TIMESTAMP = /^[1-9][0-9]{0,11}$/
// A header that was sent twice arrives as one, joined by a comma.
const SIGNATURE = /(?<![^ ,])v1,([A-Za-z0-9+/]{43}=)(?![^ ,])/g
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const ALGORITHM = { name: 'HMAC', hash: 'SHA-256' }
const encoder = new TextEncoder()
const ACCEPTED = encoder.encode('accepted')

/** One attempt to deliver a message, verified. */
export interface Attempt {
  /** The message's id ("webhook-id"). */
  readonly id: string
  /**
   * Sign that this attempt was accepted: only who has the signing secret can say so.
   *
   * The body of a request is a JSON object, which "accepted" is not: no receipt can be replayed as the signature of a
   * request, and no signature of a request counts as a receipt.
   */
  receipt(): Promise<string>
}

/**
 * Verify that a message was signed with one of the secrets, at most five minutes ago or ahead.
 *
 * @param body the request's body, unchanged
 * @param headers the request's headers
 * @param secrets base64 of 24 to 64 bytes each, with or without "whsec_"
 * @param now in seconds since 1970
 * @returns the attempt, whose receipt is by the secret that verified it
 * @throws {SignatureError} the signature is missing, malformed, stale or not by any of the secrets
 * @throws {SettingError} a secret can't be one
 */
export async function verify(
  body: Uint8Array,
  headers: Headers,
  secrets: readonly string[],
  now: number,
): Promise<Attempt> {
  const keys = secrets.map(keyOf)
  const { id, timestamp, signatures } = signedHeaders(headers)
  if (Math.abs(now - timestamp) > TOLERANCE_SECONDS || !isText(body)) throw refused()
  const head = encoder.encode(`${id}.${timestamp}.`)
  const content = concatenated(head, body)
  for (const key of keys) {
    // Once for each secret, however many signatures a request brings along.
    const expected = await hmac(key, content)
    if (signatures.some((signature) => crypto.subtle.timingSafeEqual(signature, expected))) {
      return { id, receipt: () => sign(key, concatenated(head, ACCEPTED)) }
    }
  }
  throw refused()
}

function keyOf(secret: string): Uint8Array {
  const text = secret.replace(/^whsec_/, '')
  const key = BASE64.test(text) && text.length % 4 === 0 ? decodeBase64(text) : new Uint8Array()
  if (key.length < 24 || key.length > 64) {
    throw new SettingError('WEBHOOK_SIGNING_SECRET must be base64 of 24 to 64 bytes')
  }
  return key
}

function signedHeaders(headers: Headers): { id: string; timestamp: number; signatures: Uint8Array[] } {
  const id = headers.get('webhook-id') ?? ''
  const timestamp = headers.get('webhook-timestamp') ?? ''
  const signatures = [...(headers.get('webhook-signature') ?? '').matchAll(SIGNATURE)]
    .map(([, text = '']) => text)
    .filter(isCanonical)
  if (!MESSAGE_ID.test(id) || !TIMESTAMP.test(timestamp) || !signatures.length) throw refused()
  return { id, timestamp: Number(timestamp), signatures: signatures.map(decodeBase64) }
}

/** Whether it is the one spelling of its bytes: the last character has bits that decoding drops. */
function isCanonical(signature: string): boolean {
  return btoa(atob(signature)) === signature
}

function isText(body: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    return true
  } catch {
    return false
  }
}

async function sign(key: Uint8Array, content: Uint8Array): Promise<string> {
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(await hmac(key, content))))}`
}

async function hmac(key: Uint8Array, content: Uint8Array): Promise<ArrayBuffer> {
  const imported = await crypto.subtle.importKey('raw', key, ALGORITHM, false, ['sign'])
  return await crypto.subtle.sign(ALGORITHM, imported, content)
}

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

function concatenated(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length)
  whole.set(head)
  whole.set(tail, head.length)
  return whole
}

function refused(): SignatureError {
  return new SignatureError('the request is not signed with the signing secret')
}
