import postgres from 'postgres'

import { BridgeError } from './errors.js'

const FRAMES = 8

/**
 * Describe an error for the log without the rows that Postgres quotes in its detail, and without any message
 * that isn't known to be free of them.
 *
 * @param {unknown} error
 * @returns {{ error: string, [member: string]: unknown }}
 */
export function describe(error) {
  if (!(error instanceof Error)) return { error: `a thrown ${typeof error}` }
  return { error: error.name, ...particulars(error), stack: frames(error) }
}

/** @param {any} error */
function particulars(error) {
  if (error instanceof postgres.PostgresError) {
    return { sqlstate: error.code, reason: error.message, constraint: error.constraint_name }
  }
  if (error instanceof BridgeError) return { reason: error.message }
  // Storage's own messages name a bucket or what is wrong with a key.
  if (error.__isStorageError)
    return { reason: error.message, status: error.status, code: code(error.originalError) }
  return { code: code(error) }
}

/**
 * The code that Node.js gives to system errors, such as ECONNREFUSED; fetch has it in its cause.
 *
 * @param {any} error
 * @returns {string | undefined}
 */
function code(error) {
  const found = error?.code ?? error?.cause?.code ?? error?.cause?.name
  return typeof found === 'string' && /^\w{1,40}$/.test(found) ? found : undefined
}

/** @param {Error} error */
function frames(error) {
  const stack = error.stack ?? ''
  // The message comes first, and may have lines that look like anything.
  const rest = stack.slice(Math.max(0, stack.indexOf(error.message)) + error.message.length)
  const lines = rest.split('\n').filter((line) => /^ {4}at /.test(line))
  // `postgres` puts who asked after its own frames: behind its constructor, and the template that called it.
  const asked = lines.findLastIndex((line) => /^ {4}at new _?Query /.test(line)) + 1
  const relevant = asked ? lines.slice(asked + 1) : lines
  return relevant.slice(0, FRAMES).map((line) => line.trim().slice('at '.length))
}
