/** Every answer is JSON, and kept by nobody unless `headers` allow it. */
export function json(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return jsonText(status, JSON.stringify(body), headers)
}

/** The same for a body that is JSON already. */
export function jsonText(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
}

export function problem(status: number, error: string, headers?: Readonly<Record<string, string>>): Response {
  return json(status, { error }, headers)
}
