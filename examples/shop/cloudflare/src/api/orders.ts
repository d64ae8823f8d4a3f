import { jsonText } from '../answers'
import { withDatabase, type Sql } from '../database'
import type { Context, Env } from '../env'
import { authenticate } from './caller'
import { choiceOf, limitOf } from './query'

const STATUSES = ['pending', 'processed', 'paid', 'expired']

/** `GET /api/orders?status=&limit=`: the caller's orders, the newest first, straight from Postgres. */
export async function listOrders(request: Request, env: Env, context: Context): Promise<Response> {
  const caller = await authenticate(request, env)
  const query = new URL(request.url).searchParams
  const wanted = { status: choiceOf(query, 'status', STATUSES), limit: limitOf(query) }
  const orders = await withDatabase(env, context, (database) =>
    database.transaction((sql) => select(sql, wanted), caller),
  )
  return jsonText(200, `{"orders":${orders}}`, { 'cache-control': 'private, no-store' })
}

/** Postgres writes the JSON, so that no number passes through a double; row-level security decides what is in it. */
async function select(
  sql: Sql,
  { status, limit }: { status: string | null; limit: number },
): Promise<string> {
  const [row] = await sql<{ orders: string }>`
    select
      coalesce(json_agg(listed order by listed.id desc), '[]')::text as orders,
      -- Volatile: Hyperdrive, which knows nothing of callers, caches no such query.
      clock_timestamp()
    from (
      select
        id, user_id, items, total::text, currency, status, payment_due_at, processed_at, created_at
      from public.orders
      where ${status}::text is null or status = ${status}
      order by id desc
      limit ${limit}) as listed`
  return row?.orders ?? '[]'
}
