/**
 * Accepting or refusing one message.
 *
 * The checks run in this order, so that who can't sign learns nothing: not which webhooks exist, nor what a message must
 * look like.
 *
 * 1. 413: the body is larger than a message may be
 * 2. 401: the signature is missing, malformed, stale or wrong
 * 3. 404: no such webhook
 * 4. 400: not a message, or one of another webhook
 * 5. 500 or 503: not every event took effect; whoever sent the message will send it again
 */

import { json } from '../answers'
import { withDatabase } from '../database'
import { required, type Context, type Env } from '../env'
import { HttpError, SignatureError } from '../errors'
import { log } from '../log'
import { readBody } from './body'
import { handlers } from './handlers'
import { parse, type Event } from './message'
import { processEvents, type Handler } from './processing'
import { verify, type Attempt } from './signature'

/** Sent at each deployment of the bridge, without events. */
const PING = 'bridge.ping'

/** `POST /webhook/{webhook}` */
export async function receive(
  request: Request,
  env: Env,
  context: Context,
  webhook: string,
): Promise<Response> {
  const body = await readBody(request)
  const attempt = await authenticate(body, request.headers, env)
  const handle = webhook === PING ? async () => {} : handlers.get(webhook)
  if (!handle) throw new HttpError(404, `no webhook "${webhook}" is known`)
  const events = parse(body, webhook)
  const failed = await take(events, handle, env, context)
  log[failed ? 'warn' : 'info']('webhook answered', {
    webhook,
    webhook_id: attempt.id,
    events: events.length,
    failed,
  })
  if (failed) throw new HttpError(500, `${failed} of ${events.length} events failed`)
  // Any role of the database can forge what pg_net was answered: what counts there is the receipt.
  return json(202, { accepted: events.length, webhook_id: attempt.id, receipt: await attempt.receipt() })
}

async function authenticate(body: Uint8Array, headers: Headers, env: Env): Promise<Attempt> {
  const secrets = required(env, 'WEBHOOK_SIGNING_SECRET').split(/\s+/)
  try {
    return await verify(body, headers, secrets, Date.now() / 1_000)
  } catch (error) {
    if (error instanceof SignatureError) throw new HttpError(401, error.message)
    throw error
  }
}

async function take(events: readonly Event[], handle: Handler, env: Env, context: Context): Promise<number> {
  if (!events.length) return 0
  return await withDatabase(env, context, (database) => processEvents(events, handle, database))
}
