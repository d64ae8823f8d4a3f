/** GET /api/orders: whose token is accepted, and that row-level security decides what its owner sees. */

import { env } from 'cloudflare:workers'
import { importPKCS8, SignJWT } from 'jose'
import { beforeAll, describe, expect, it, vi } from 'vitest'

import { call, NOWHERE, outcome, owner } from './support'

const ADA = crypto.randomUUID()
const BOB = crypto.randomUUID()

interface Order {
  readonly id: number
  readonly user_id: string
  readonly total: string
  readonly status: string
}

/** A user's token as Supabase's Auth issues it; `claims` come instead, undefined leaves one out. */
function tokenOf(subject: string, claims: Record<string, unknown> = {}): SignJWT {
  const now = Math.floor(Date.now() / 1_000)
  const usual = {
    iss: `${env.SUPABASE_URL}/auth/v1`,
    aud: 'authenticated',
    role: 'authenticated',
    exp: now + 60,
  }
  return new SignJWT({ ...usual, sub: subject, ...claims })
}

async function byKey(token: SignJWT): Promise<string> {
  const key = await importPKCS8(env.SUPABASE_SIGNING_KEY, 'ES256')
  return await token.setProtectedHeader({ alg: 'ES256', kid: env.SUPABASE_KEY_ID }).sign(key)
}

async function bySecret(token: SignJWT, secret = env.SUPABASE_JWT_SECRET): Promise<string> {
  return await token.setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret))
}

function get(token: string, query = '', settings = {}): Promise<Response> {
  return call(`/api/orders${query}`, { headers: { authorization: `Bearer ${token}` } }, settings)
}

async function orders(token: string, query = ''): Promise<Order[]> {
  return (await (await get(token, query)).json<{ orders: Order[] }>()).orders
}

beforeAll(async () => {
  await owner(
    `insert into public.orders (user_id, total, status, items) values
      ($1, 19.90, 'pending', '[{"sku": "A", "price": 12345678901234567890.12}]'), ($1, 5, 'paid', '[]'), ($2, 7, 'paid', '[]')`,
    [ADA, BOB],
  )
})

describe('orders', () => {
  it.each([
    ['the shared secret', bySecret],
    ['a signing key', byKey],
  ])("should be the caller's alone, with a token of %s", async (_, sign) => {
    const seen = await orders(await sign(tokenOf(ADA)))

    expect(seen.map(({ user_id, total, status }) => [user_id, total, status])).toEqual([
      [ADA, '5.00', 'paid'],
      [ADA, '19.90', 'pending'],
    ])
  })

  it('should be none for a stranger', async () => {
    expect(await orders(await bySecret(tokenOf(crypto.randomUUID())))).toEqual([])
  })

  it('should have numbers with all their digits', async () => {
    const answer = await get(await bySecret(tokenOf(ADA)))

    expect(await answer.text()).toContain('"price": 12345678901234567890.12')
  })

  it('should be of a status, and as many as asked for', async () => {
    const token = await bySecret(tokenOf(ADA))

    expect(await orders(token, '?status=pending')).toHaveLength(1)
    expect(await orders(token, '?status=expired')).toHaveLength(0)
    expect(await orders(token, '?limit=1')).toMatchObject([{ status: 'paid' }])
  })

  it.each(['?status=lost', '?status=', '?status=paid&status=paid', '?limit=0', '?limit=101', '?limit=x'])(
    'should not be listed for %s',
    async (query) => {
      expect((await get(await bySecret(tokenOf(ADA)), query)).status).toBe(400)
    },
  )

  it('should be kept by nobody', async () => {
    const answer = await get(await bySecret(tokenOf(ADA)))

    expect(answer.headers.get('cache-control')).toBe('private, no-store')
    expect(answer.headers.get('x-cache')).toBeNull()
  })

  it('should be asked for again when Postgres is out of reach', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const answer = get(await bySecret(tokenOf(ADA)), '', { HYPERDRIVE: env.OUT_OF_REACH })

    expect(await outcome(answer)).toEqual([503, { error: 'Postgres is out of reach' }])
  })
})

describe('a token', () => {
  const hour = 3_600
  const refused: readonly (readonly [string, () => Promise<string>])[] = [
    ['forged with another secret', () => bySecret(tokenOf(ADA), 'x'.repeat(40))],
    ['forged with the key that everyone knows', () => bySecret(tokenOf(ADA), env.SUPABASE_KEY_ID)],
    ['expired', () => bySecret(tokenOf(ADA, { exp: Math.floor(Date.now() / 1_000) - hour }))],
    ['not valid yet', () => bySecret(tokenOf(ADA, { nbf: Math.floor(Date.now() / 1_000) + hour }))],
    ['valid for ever', () => bySecret(tokenOf(ADA, { exp: undefined }))],
    ['of another issuer', () => byKey(tokenOf(ADA, { iss: 'https://other.example.com/auth/v1' }))],
    ['for another audience', () => byKey(tokenOf(ADA, { aud: 'anon' }))],
    ['of another role', () => byKey(tokenOf(ADA, { role: 'service_role' }))],
    ['of nobody', () => byKey(tokenOf(ADA, { sub: undefined }))],
    ['without signature', async () => (await bySecret(tokenOf(ADA))).replace(/[^.]+$/, '')],
    [
      'of an unknown key',
      async () => {
        const { privateKey } = (await crypto.subtle.generateKey(
          { name: 'ECDSA', namedCurve: 'P-256' },
          true,
          ['sign'],
        )) as CryptoKeyPair
        return await tokenOf(ADA).setProtectedHeader({ alg: 'ES256', kid: 'unknown' }).sign(privateKey)
      },
    ],
    ['of no form', async () => 'token'],
    ['that is the anon key', async () => env.SUPABASE_ANON_KEY],
  ]

  it.each(refused)('should be refused: %s', async (_, make) => {
    const answer = await get(await make())

    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer error="invalid_token"',
    ])
  })

  it.each(['', 'Basic YTpi', 'Bearer', 'Bearer a b'])(
    'should be given as one: "%s"',
    async (authorization) => {
      const answer = await call('/api/orders', { headers: { authorization } })

      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    },
  )

  it('should be of a signing key where no secret is known', async () => {
    const settings = { SUPABASE_JWT_SECRET: '' }

    expect((await get(await bySecret(tokenOf(ADA)), '', settings)).status).toBe(401)
    expect((await get(await byKey(tokenOf(ADA)), '', settings)).status).toBe(200)
  })

  it('should not be judged while the public keys are out of reach', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const token = await byKey(tokenOf(ADA, { iss: NOWHERE }))

    expect((await get(token, '', { SUPABASE_URL: NOWHERE })).status).toBe(503)
  })

  it('should not be verified with a secret that anyone could guess', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})

    expect((await get('any', '', { SUPABASE_JWT_SECRET: 'short' })).status).toBe(503)
  })
})
