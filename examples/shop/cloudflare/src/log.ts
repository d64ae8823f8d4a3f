import { DatabaseError } from 'pg'

import { WorkerError } from './errors'

/** What a line tells beside its message: never bodies, rows, tokens or secrets. */
type Fields = Readonly<Record<string, unknown>>

const FRAMES = 8
// Classes of SQLSTATE whose messages name objects. Others quote values, such as 22 ("invalid input syntax for type
// uuid: …"). https://www.postgresql.org/docs/current/errcodes-appendix.html
const NAMING_OBJECTS = /^(08|0A|23|25|28|3D|3F|40|42|53|54|55|57|58)/

/** One line of JSON each, whose members Workers Logs can search. */
export const log = {
  info: (message: string, fields?: Fields) => console.info(line('info', message, fields)),
  warn: (message: string, fields?: Fields) => console.warn(line('warn', message, fields)),
  error: (message: string, fields?: Fields) => console.error(line('error', message, fields)),
}

function line(level: string, message: string, fields: Fields = {}): string {
  return JSON.stringify({ level, message, ...fields })
}

/** Describe an error without the values that its message may quote. */
export function describe(error: unknown): Fields {
  if (!(error instanceof Error)) return { error: `a thrown ${typeof error}` }
  return { error: error.name, ...particulars(error), stack: frames(error) }
}

function particulars(error: Error): Fields {
  if (error instanceof DatabaseError) {
    return { sqlstate: error.code, constraint: error.constraint, reason: toldBy(error) }
  }
  if (error instanceof WorkerError) {
    return { reason: error.message, ...(error.cause instanceof Error && { cause: describe(error.cause) }) }
  }
  return {}
}

function toldBy({ code = '', routine, message }: DatabaseError): string | undefined {
  // A trigger may raise whatever it likes under any code.
  return NAMING_OBJECTS.test(code) && routine !== 'exec_stmt_raise' ? message : undefined
}

function frames({ stack = '', message }: Error): string[] {
  // The message comes first, and may have lines that look like anything.
  const rest = stack.slice(Math.max(0, stack.indexOf(message)) + message.length)
  const lines = rest.split('\n').filter((each) => /^ {4}at /.test(each))
  return lines.slice(0, FRAMES).map((each) => each.trim().slice('at '.length))
}
