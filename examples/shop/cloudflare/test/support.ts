/** What the tests share: calls of the Worker, signed messages, the database as its owner sees it. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Client } from 'pg'

import type { Env } from '../src/env'
import worker from '../src/index'

export const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
export const OTHER_SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
export const NOWHERE = 'http://127.0.0.1:1'

/** Send a request to the Worker, and wait for what it does after its answer too. */
export async function call(path: string, init?: RequestInit, settings: Partial<Env> = {}): Promise<Response> {
  const context = createExecutionContext()
  const request = new Request(`https://worker.example.com${path}`, init)
  const answer = await worker.fetch(request, { ...env, WEBHOOK_SIGNING_SECRET: SECRET, ...settings }, context)
  await waitOnExecutionContext(context)
  return answer
}

/** The status and the body of an answer. */
export async function outcome(answer: Promise<Response>): Promise<[number, unknown]> {
  const { status, ...rest } = await answer.then(async (given) => ({
    status: given.status,
    body: await given.json(),
  }))
  return [status, rest.body]
}

export async function owner<Row extends object>(
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new Client(env.OWNER.connectionString)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text, [...values])).rows
  } finally {
    await client.end()
  }
}

type Json = Readonly<Record<string, unknown>>

export interface Message {
  readonly id: string
  readonly body: string
}

/** A message of order.created with an event for each record. */
export function message(records: readonly (Json | null)[], members: Json = {}, ofEvents: Json = {}): Message {
  const id = crypto.randomUUID()
  const data = records.map((record, index) => ({
    id: `${id}:${index}`,
    operation: 'INSERT',
    schema: 'public',
    table: 'orders',
    record,
    old_record: null,
    ...ofEvents,
  }))
  const envelope = {
    type: 'order.created',
    timestamp: '2026-11-23T15:00:00.123456Z',
    transaction: { id: '7341', actor: null, role: 'authenticated' },
    data,
  }
  return { id, body: JSON.stringify({ ...envelope, ...members }) }
}

export function now(): number {
  return Math.floor(Date.now() / 1_000)
}

/** What a receiver of the message signs for an attempt at that time, in seconds since 1970. */
export async function receipt({ id }: Message, at: number, secret = SECRET): Promise<string> {
  return await sign(secret, `${id}.${at}.accepted`)
}

/** Deliver a message as the database would. */
export async function deliver(
  { id, body }: Message,
  { webhook = 'order.created', secrets = [SECRET], at = now(), settings = {} as Partial<Env> } = {},
): Promise<Response> {
  const signatures = await Promise.all(secrets.map((secret) => sign(secret, `${id}.${at}.${body}`)))
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': signatures.join(' '),
    'content-type': 'application/json',
  }
  return await call(`/webhook/${webhook}`, { method: 'POST', headers, body }, settings)
}

async function sign(secret: string, content: string): Promise<string> {
  const bytes = Uint8Array.from(atob(secret.replace('whsec_', '')), (character) => character.charCodeAt(0))
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign'])
  const signature = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(content))
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(signature)))}`
}

let lastOrder = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0

/** The id of an order that no other test has. */
export function newOrderId(): number {
  lastOrder += 1
  return lastOrder
}

/** How often each order was noted. */
export async function noticesOf(orders: readonly number[]): Promise<number[]> {
  const rows = await owner<{ order_id: string; channel: string }>(
    'select order_id, channel from public.order_notices where order_id = any($1::bigint[])',
    [orders],
  )
  return orders.map(
    (order) => rows.filter((row) => row.order_id === String(order) && row.channel === 'cloudflare').length,
  )
}
