import { HttpError } from '../errors'

/** The database's messages have at most 200 kB. */
export const MAX_BYTES = 1_048_576

/**
 * Read a request's body, and no more of it than a message may have.
 *
 * @throws {HttpError} 413, it is larger
 */
export async function readBody(request: Request): Promise<Uint8Array> {
  if (Number(request.headers.get('content-length')) > MAX_BYTES) throw tooLarge()
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request.body ?? []) {
    length += chunk.length
    if (length > MAX_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
}

function tooLarge(): HttpError {
  return new HttpError(413, `the body may hold ${MAX_BYTES} bytes`)
}
