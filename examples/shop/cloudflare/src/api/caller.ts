/** Whose request it is: the token of Supabase's Auth, verified. */

import { createRemoteJWKSet, errors, jwtVerify, type JWTVerifyGetKey } from 'jose'

import type { Caller } from '../database'
import { supabaseUrl, type Env } from '../env'
import { HttpError, SettingError, UnavailableError } from '../errors'

/** The only role that `edge` may take. */
const ROLE = 'authenticated'
const AUDIENCE = 'authenticated'
const LEEWAY_SECONDS = 30
const KEYS_MS = 3_000
// RFC 7518, section 3.2: a key of HS256 has at least the bits of its hash.
const MIN_SECRET_BYTES = 32

/** The public keys, which the isolate keeps for as long as they are the same Supabase's. */
let keySet: { readonly url: string; readonly find: JWTVerifyGetKey } | undefined

/**
 * Return who calls.
 *
 * @throws {HttpError} 401, there is no token, or none that is accepted
 * @throws {UnavailableError} the public keys can't be fetched
 * @throws {SettingError} SUPABASE_URL is not set, or SUPABASE_JWT_SECRET too short
 */
export async function authenticate(request: Request, env: Env): Promise<Caller> {
  const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.get('authorization') ?? '') ?? []
  if (!token) throw unauthorized('a bearer token is needed', 'Bearer')
  const claims = await verify(token, env)
  if (claims['role'] !== ROLE || !claims['sub']) throw refused()
  return { role: ROLE, claims }
}

async function verify(token: string, env: Env): Promise<Readonly<Record<string, unknown>>> {
  const url = supabaseUrl(env)
  const secret = sharedSecret(env)
  const publicKeys = keysOf(url)
  try {
    const { payload } = await jwtVerify(
      token,
      // The kind of key follows from the algorithm: a public key is never taken for a secret.
      (header, jws) => (secret && header.alg === 'HS256' ? secret : publicKeys(header, jws)),
      {
        algorithms: secret ? ['HS256', 'ES256'] : ['ES256'],
        audience: AUDIENCE,
        issuer: [url, `${url}/auth/v1`],
        clockTolerance: LEEWAY_SECONDS,
        requiredClaims: ['exp'],
      },
    )
    return payload
  } catch (error) {
    if (!isRefusal(error))
      throw new UnavailableError("Supabase's public keys can't be fetched", { cause: error })
    throw refused()
  }
}

function sharedSecret(env: Env): Uint8Array | undefined {
  const secret = new TextEncoder().encode(env.SUPABASE_JWT_SECRET?.trim() ?? '')
  if (!secret.length) return undefined
  if (secret.length < MIN_SECRET_BYTES) {
    throw new SettingError(`SUPABASE_JWT_SECRET must have ${MIN_SECRET_BYTES} bytes or more`)
  }
  return secret
}

function keysOf(url: string): JWTVerifyGetKey {
  if (keySet?.url !== url) {
    const address = new URL(`${url}/auth/v1/.well-known/jwks.json`)
    keySet = { url, find: createRemoteJWKSet(address, { timeoutDuration: KEYS_MS }) }
  }
  return keySet.find
}

/** Whether the token is at fault, and not the way to the public keys. */
function isRefusal(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return false
  return error instanceof errors.JOSEError && error.code !== errors.JOSEError.code
}

function refused(): HttpError {
  return unauthorized('the token is not accepted', 'Bearer error="invalid_token"')
}

function unauthorized(message: string, challenge: string): HttpError {
  // RFC 6750, section 3
  return new HttpError(401, message, { 'www-authenticate': challenge })
}
