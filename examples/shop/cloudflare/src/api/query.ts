import { HttpError } from '../errors'

const DEFAULT_LIMIT = 20
const MAX_LIMIT = 100

/**
 * Return how many rows are asked for, 1 to 100.
 *
 * @throws {HttpError} 400, it is no such number
 */
export function limitOf(query: URLSearchParams): number {
  const text = single(query, 'limit')
  if (text === null) return DEFAULT_LIMIT
  const limit = /^[1-9][0-9]{0,2}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > MAX_LIMIT)
    throw new HttpError(400, `"limit" must be a number from 1 to ${MAX_LIMIT}`)
  return limit
}

/**
 * Return one of the allowed values, or null where none is asked for.
 *
 * @throws {HttpError} 400, it is none of them
 */
export function choiceOf(query: URLSearchParams, name: string, allowed: readonly string[]): string | null {
  const text = single(query, name)
  if (text !== null && !allowed.includes(text)) {
    throw new HttpError(400, `"${name}" must be one of: ${allowed.join(', ')}`)
  }
  return text
}

function single(query: URLSearchParams, name: string): string | null {
  const [value = null, ...more] = query.getAll(name)
  if (more.length) throw new HttpError(400, `"${name}" must be given once`)
  return value
}
