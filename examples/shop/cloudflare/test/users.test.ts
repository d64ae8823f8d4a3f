/** GET /api/users: from KV where it can be, from Supabase where it must be. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'

import { supabase } from '../src/api/supabase'
import { cached, FRESH_SECONDS, KEPT_SECONDS } from '../src/cache'
import { call, NOWHERE, outcome, owner } from './support'

const DOWN = { SUPABASE_URL: NOWHERE }

async function forget(): Promise<void> {
  const { keys } = await env.CACHE.list()
  await Promise.all(keys.map(({ name }) => env.CACHE.delete(name)))
}

/** Make KV's copy older than it is. */
async function age(key: string, seconds: number): Promise<void> {
  const { value } = await env.CACHE.getWithMetadata(key)
  await env.CACHE.put(key, value ?? '', { metadata: { storedAt: Date.now() - seconds * 1_000 } })
}

async function users(path = '/api/users', settings = {}): Promise<[string | null, number]> {
  const answer = await call(path, {}, settings)
  const { users } = await answer.json<{ users: unknown[] }>()
  return [answer.headers.get('x-cache'), users.length]
}

beforeEach(async () => {
  await forget()
  await owner('delete from public.users')
  await owner(
    "insert into public.users (email, name) values ('ada@example.com', 'Ada'), ('bob@example.com', 'Bob')",
  )
})

describe('users', () => {
  it('should be shown as anyone may see them', async () => {
    const answer = await call('/api/users')
    const { users } = await answer.json<{ users: object[] }>()

    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(users.map((user) => Object.keys(user))).toEqual([
      ['id', 'name', 'created_at'],
      ['id', 'name', 'created_at'],
    ])
  })

  it('should come from Supabase first, then from KV', async () => {
    expect(await users()).toEqual(['miss', 2])
    await owner('delete from public.users')
    expect(await users('/api/users', DOWN)).toEqual(['hit', 2])
  })

  it('should be kept by others for as long as they are fresh here', async () => {
    const first = await call('/api/users')
    await age('users?limit=20', 45)
    const second = await call('/api/users')

    expect(first.headers.get('cache-control')).toBe('public, max-age=60, stale-while-revalidate=60')
    expect(second.headers.get('cache-control')).toMatch(/^public, max-age=1[45], stale-while-revalidate=60$/)
  })

  it('should be served at once when stale, and fetched anew meanwhile', async () => {
    await call('/api/users')
    await age('users?limit=20', FRESH_SECONDS)
    await owner('delete from public.users')

    expect(await users()).toEqual(['stale', 2])
    expect(await users()).toEqual(['hit', 0])
  })

  it('should be served stale for as long as Supabase is down', async () => {
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {})
    await call('/api/users')
    await age('users?limit=20', FRESH_SECONDS * 10)

    expect(await users('/api/users', DOWN)).toEqual(['stale', 2])
    expect(await users('/api/users', DOWN)).toEqual(['stale', 2])
    expect(warnings).toHaveBeenCalledTimes(2)
    expect(await users()).toEqual(['stale', 2])
    expect(await users()).toEqual(['hit', 2])
  })

  it('should be missing when Supabase is down and KV has none', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})

    const answer = await call('/api/users', {}, DOWN)

    expect([answer.status, answer.headers.get('cache-control')]).toEqual([503, 'no-store'])
    expect(await env.CACHE.list()).toMatchObject({ keys: [] })
  })

  it('should not be taken from what Supabase refuses', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})

    const answer = await outcome(call('/api/users', {}, { SUPABASE_ANON_KEY: 'wrong' }))

    expect(answer).toEqual([503, { error: 'Supabase is out of reach' }])
    expect(JSON.parse(log.mock.lastCall?.[0])).toMatchObject({
      cause: { reason: 'its REST API answered with status 401, code unknown' },
    })
    expect(await env.CACHE.list()).toMatchObject({ keys: [] })
  })

  it('should be forgotten in the end', async () => {
    await call('/api/users')

    const { keys } = await env.CACHE.list()
    expect(keys[0]?.expiration).toBeCloseTo(Date.now() / 1_000 + KEPT_SECONDS, -1)
  })

  it('should be as many as asked for', async () => {
    expect(await users('/api/users?limit=1')).toEqual(['miss', 1])
    expect(await users('/api/users?limit=100')).toEqual(['miss', 2])
  })

  it('should not fill KV, whatever is asked for', async () => {
    await call('/api/users?limit=20&limits=1')
    await call('/api/users?x=y')
    await call('/api/users')

    const { keys } = await env.CACHE.list()
    expect(keys.map(({ name }) => name)).toEqual(['users?limit=20'])
  })

  it.each(['', '0', '101', '-1', '1e2', '020', '1&limit=2'])(
    'should not be as many as "%s"',
    async (limit) => {
      expect((await call(`/api/users?limit=${limit}`)).status).toBe(400)
    },
  )

  it('should name what is not set', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})

    const answer = await outcome(call('/api/users', {}, { SUPABASE_ANON_KEY: '' }))

    expect(answer).toEqual([503, { error: 'SUPABASE_ANON_KEY is not set' }])
  })
})

describe('the copy in KV', () => {
  /** Ask at the same time as often as there are `times`, each with a context of its own. */
  async function ask(key: string, load: () => Promise<string>, times: number) {
    const contexts = Array.from({ length: times }, createExecutionContext)
    const answers = await Promise.all(
      contexts.map((context) => cached(key, load, { kv: env.CACHE, context })),
    )
    await Promise.all(contexts.map(waitOnExecutionContext))
    return answers
  }

  it('should be fetched anew by one of those who find it stale', async () => {
    let loads = 0
    const load = async () => `${(loads += 1)}`
    await ask('many', load, 1)
    await age('many', FRESH_SECONDS)

    const found = await ask('many', load, 5)

    expect(found.map(({ body, state }) => [body, state])).toEqual(Array(5).fill(['1', 'stale']))
    expect(await ask('many', load, 1)).toMatchObject([{ body: '2', state: 'hit' }])
  })

  it('should not be needed: what KV refuses is given all the same', async () => {
    const warnings = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const tooLong = 'k'.repeat(513)

    expect(await ask(tooLong, async () => 'given', 1)).toMatchObject([{ body: 'given', state: 'miss' }])
    expect(warnings).toHaveBeenCalledTimes(2)
  })
})

describe("Supabase's client", () => {
  it('should be made once for an address and a key', async () => {
    const first = supabase(env)

    expect(supabase({ ...env, SUPABASE_URL: `${env.SUPABASE_URL}/` })).toBe(first)
    expect(supabase({ ...env, SUPABASE_ANON_KEY: 'sb_publishable_other' })).not.toBe(first)
  })
})
