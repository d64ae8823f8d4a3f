/**
 * Answers kept in KV: fresh ones are given as they are, stale ones are given too and fetched anew meanwhile.
 *
 * KV is for speed, and never a reason to fail: what can't be read there is fetched, what can't be written there is given
 * all the same.
 */

import type { Context } from './env'
import { describe, log } from './log'

export const FRESH_SECONDS = 60
/** After this time KV forgets an answer: so long an outage of its source goes unnoticed. */
export const KEPT_SECONDS = 3_600
// Longer than fetching may take. A refresh that was cut off must not be the last one.
const REFRESH_MS = 10_000

export interface Answer {
  readonly body: string
  readonly state: 'hit' | 'stale' | 'miss'
  /** For how much longer it is fresh. */
  readonly freshSeconds: number
}

interface Copy {
  readonly body: string
  readonly ageSeconds: number
}

interface Metadata {
  /** In milliseconds since 1970. */
  readonly storedAt: number
}

interface Store {
  readonly kv: KVNamespace
  readonly context: Context
}

/** When this isolate began to fetch a stale answer anew, by its key. */
const refreshing = new Map<string, number>()

/**
 * Return an answer from KV, or else from `load`.
 *
 * @param key what the answer depends on
 * @param load fetches it; its errors reach the caller only where there is no copy
 */
export async function cached(key: string, load: () => Promise<string>, store: Store): Promise<Answer> {
  const copy = await read(key, store.kv)
  if (!copy) {
    const body = await load()
    store.context.waitUntil(write(key, body, store.kv))
    return { body, state: 'miss', freshSeconds: FRESH_SECONDS }
  }
  const freshSeconds = Math.floor(FRESH_SECONDS - copy.ageSeconds)
  if (freshSeconds > 0) return { body: copy.body, state: 'hit', freshSeconds }
  if (beginsRefresh(key)) store.context.waitUntil(refresh(key, load, store.kv))
  return { body: copy.body, state: 'stale', freshSeconds: 0 }
}

function beginsRefresh(key: string): boolean {
  const now = Date.now()
  if (now - (refreshing.get(key) ?? 0) < REFRESH_MS) return false
  refreshing.set(key, now)
  return true
}

async function refresh(key: string, load: () => Promise<string>, kv: KVNamespace): Promise<void> {
  try {
    await write(key, await load(), kv)
  } catch (error) {
    log.warn('stale answer kept', { key, ...describe(error) })
  } finally {
    refreshing.delete(key)
  }
}

async function read(key: string, kv: KVNamespace): Promise<Copy | undefined> {
  try {
    const { value, metadata } = await kv.getWithMetadata<Metadata>(key)
    if (value === null || !metadata) return undefined
    return { body: value, ageSeconds: Math.max(0, Date.now() - metadata.storedAt) / 1_000 }
  } catch (error) {
    log.warn('cache not read', { key, ...describe(error) })
    return undefined
  }
}

async function write(key: string, body: string, kv: KVNamespace): Promise<void> {
  const metadata: Metadata = { storedAt: Date.now() }
  try {
    await kv.put(key, body, { metadata, expirationTtl: KEPT_SECONDS })
  } catch (error) {
    // Such as the second write of a key within a second.
    log.warn('cache not written', { key, ...describe(error) })
  }
}
