import { jsonText } from '../answers'
import { cached, FRESH_SECONDS } from '../cache'
import type { Context, Env } from '../env'
import { UnavailableError, WorkerError } from '../errors'
import { limitOf } from './query'
import { supabase } from './supabase'

const FETCH_MS = 5_000

/** `GET /api/users?limit=`: what anyone may see of users, over Supabase's REST API and KV. */
export async function listUsers(request: Request, env: Env, context: Context): Promise<Response> {
  const limit = limitOf(new URL(request.url).searchParams)
  // Only what makes a difference is in the key, and it has a hundred values: nobody can fill KV.
  const { body, state, freshSeconds } = await cached(`users?limit=${limit}`, () => fetchUsers(env, limit), {
    kv: env.CACHE,
    context,
  })
  return jsonText(200, body, {
    'x-cache': state,
    // A copy of the copy is no older than the copy may be.
    'cache-control': `public, max-age=${freshSeconds}, stale-while-revalidate=${FRESH_SECONDS}`,
  })
}

async function fetchUsers(env: Env, limit: number): Promise<string> {
  const { data, error, status } = await supabase(env)
    .from('profiles')
    .select('id,name,created_at')
    .order('id')
    .limit(limit)
    // Somebody waits, and gets a copy where there is one.
    .retry(false)
    .abortSignal(AbortSignal.timeout(FETCH_MS))
  if (error) {
    // The message may quote anything.
    const cause = new WorkerError(
      `its REST API answered with status ${status}, code ${error.code || 'unknown'}`,
    )
    throw new UnavailableError('Supabase is out of reach', { cause })
  }
  return JSON.stringify({ users: data })
}
