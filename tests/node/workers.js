/** What the tests of the worker helper share: workers that leave an effect behind, and what there is of it. */

import { after, afterEach, beforeEach } from 'node:test'

import { worker } from 'bridge'

import { admin, db, disconnect, environment, invoke, records } from './support.js'

/** @import { Handler } from '../../lambda_src/node/src/worker.js' */

export const WORKER = environment('WORKER')
/** @type {ReturnType<typeof worker>[]} */
let made = []

/** Let each test of the file begin without effects, and close its workers after it. */
export function prepare() {
  beforeEach(async () => {
    await admin`drop table if exists public.effect`
    await db`create table public.effect (event text not null)`
    await db`delete from bridge.processed_event`
  })
  afterEach(async () => {
    await Promise.all(made.map((handler) => handler.close()))
    made = []
  })
  after(disconnect)
}

/** @param {Handler} handle */
export function make(handle) {
  made.push(worker(handle))
  return /** @type {ReturnType<typeof worker>} */ (made.at(-1))
}

/** @type {Handler} */
export async function leaveEffect(event, sql) {
  await sql`insert into public.effect values (${event.id})`
  if (event.row.poison) throw new Error(event.row.poison)
}

/**
 * @param {any} handler
 * @param {...any} events
 */
export function run(handler, ...events) {
  return invoke(handler, records(...events))
}

export async function seen() {
  return (await db`select event from public.effect order by event`).map((row) => row.event)
}

export async function remembered() {
  return (await db`select worker, event_id from bridge.processed_event`).map((row) => [
    row.worker,
    row.event_id,
  ])
}

/**
 * @param {{ [name: string]: string | undefined }} changed
 * @param {() => Promise<unknown>} work
 */
export async function using(changed, work) {
  const before = { ...process.env }
  for (const [name, value] of Object.entries(changed)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  try {
    await work()
  } finally {
    for (const name of Object.keys(changed)) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
}
