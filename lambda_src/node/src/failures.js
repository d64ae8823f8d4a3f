import postgres from 'postgres'

import { BridgeError } from './errors.js'
import { ASKED_BY } from './scope.js'

const FRAMES = 8
// Classes of SQLSTATE whose messages name objects. Others quote values, such as 22 ("invalid input syntax for
// type uuid: …") and whatever a trigger raises. https://www.postgresql.org/docs/current/errcodes-appendix.html
const NAMING_OBJECTS = /^(08|0A|23|25|28|3D|3F|40|42|53|54|55|57|58)/

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

/**
 * @param {any} error
 * @returns {{ [member: string]: unknown }}
 */
function particulars(error) {
  if (error instanceof postgres.PostgresError) {
    // A trigger may raise whatever it likes under any code.
    const raised = error.routine === 'exec_stmt_raise'
    const reason = NAMING_OBJECTS.test(error.code) && !raised ? error.message : undefined
    return { sqlstate: error.code, reason, constraint: error.constraint_name }
  }
  if (error instanceof BridgeError) return { reason: error.message }
  if (error?.__isStorageError) {
    // The server's own messages name a bucket or what is wrong with a key; others are of anything.
    return error.status
      ? { reason: error.message, status: error.status, code: code(error) }
      : particulars(error.originalError)
  }
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
  // `postgres` puts who asked after its own frames.
  const lines = rest.slice(rest.lastIndexOf(ASKED_BY) + 1).split('\n')
  const relevant = lines.filter((line) => /^ {4}at /.test(line))
  return relevant.slice(0, FRAMES).map((line) => line.trim().slice('at '.length))
}
