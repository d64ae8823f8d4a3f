import { json, problem } from './answers'
import { listOrders } from './api/orders'
import { listUsers } from './api/users'
import type { Context, Env } from './env'
import { HttpError, SettingError, UnavailableError } from './errors'
import { describe, log } from './log'
import { receive } from './webhook/receive'

type Endpoint = (request: Request, env: Env, context: Context, parameter: string) => Promise<Response>

interface Route {
  readonly method: string
  /** What stands in brackets is the endpoint's parameter. */
  readonly path: RegExp
  readonly endpoint: Endpoint
}

const routes: readonly Route[] = [
  { method: 'POST', path: /^\/webhook\/([^/]+)$/, endpoint: receive },
  { method: 'GET', path: /^\/api\/users$/, endpoint: listUsers },
  { method: 'GET', path: /^\/api\/orders$/, endpoint: listOrders },
  { method: 'GET', path: /^\/health$/, endpoint: async () => json(200, { status: 'ok' }) },
]

/** Answer a request, whatever happens: in JSON, and without detail where the fault is here. */
export async function route(request: Request, env: Env, context: Context): Promise<Response> {
  const answer = await dispatch(request, env, context).catch((error: unknown) => failure(request, error))
  return request.method === 'HEAD' ? new Response(null, answer) : answer
}

async function dispatch(request: Request, env: Env, context: Context): Promise<Response> {
  const { pathname } = new URL(request.url)
  const there = routes.filter(({ path }) => path.test(pathname))
  if (!there.length) return problem(404, 'not found')
  const allow = allowed(there)
  if (request.method === 'OPTIONS') return new Response(null, { status: 204, headers: { allow } })
  const wanted = request.method === 'HEAD' ? 'GET' : request.method
  const found = there.find(({ method }) => method === wanted)
  if (!found) throw new HttpError(405, `${request.method} is not allowed here`, { allow })
  return await found.endpoint(request, env, context, found.path.exec(pathname)?.[1] ?? '')
}

function allowed(there: readonly Route[]): string {
  const methods = there.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
  return [...methods, 'OPTIONS'].join(', ')
}

function failure(request: Request, error: unknown): Response {
  const asked = { method: request.method, path: new URL(request.url).pathname }
  if (error instanceof HttpError) {
    log.warn('request refused', { ...asked, status: error.status, reason: error.message })
    return problem(error.status, error.message, error.headers)
  }
  log.error('request failed', { ...asked, ...describe(error) })
  if (error instanceof SettingError || error instanceof UnavailableError) return problem(503, error.message)
  return problem(500, 'internal error')
}
