/** Routes, methods, and what is told of an error. */

import { env, exports } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'

import { call, deliver, message, outcome, SECRET } from './support'

describe('a request', () => {
  it('should reach the Worker', async () => {
    const answer = await exports.default.fetch('https://worker.example.com/health')

    expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }])
  })

  it.each(['/', '/health/', '/webhook', '/webhook/', '/webhook/a/b', '/api', '/api/users/1'])(
    'should find nothing at %s',
    async (path) => {
      expect(await outcome(call(path))).toEqual([404, { error: 'not found' }])
    },
  )

  it.each([
    ['GET', '/webhook/order.created', 'POST, OPTIONS'],
    ['HEAD', '/webhook/order.created', 'POST, OPTIONS'],
    ['POST', '/api/users', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/api/orders', 'GET, HEAD, OPTIONS'],
    ['PUT', '/health', 'GET, HEAD, OPTIONS'],
  ])('should not be made by %s of %s', async (method, path, allow) => {
    const answer = await call(path, { method })

    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow])
  })

  it('should be answered without a body by HEAD', async () => {
    const answer = await call('/health', { method: 'HEAD' })

    expect([answer.status, answer.headers.get('content-type'), answer.body]).toEqual([
      200,
      'application/json',
      null,
    ])
  })

  it('should be told what is allowed by OPTIONS', async () => {
    const answer = await call('/webhook/order.created', { method: 'OPTIONS' })

    expect([answer.status, answer.headers.get('allow'), answer.body]).toEqual([204, 'POST, OPTIONS', null])
  })
})

describe('an error that nobody expected', () => {
  it('should be told to nobody but the log, in one line and without secrets', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const settings = { HYPERDRIVE: undefined as unknown as Hyperdrive }

    expect(await outcome(deliver(message([{ id: 1, note: 'private' }]), { settings }))).toEqual([
      500,
      { error: 'internal error' },
    ])
    const [[line]] = log.mock.calls as [[string]]
    expect(log).toHaveBeenCalledTimes(1)
    expect(JSON.parse(line)).toMatchObject({
      level: 'error',
      error: 'TypeError',
      path: '/webhook/order.created',
    })
    for (const secret of ['private', SECRET, env.SUPABASE_ANON_KEY]) expect(line).not.toContain(secret)
  })
})
