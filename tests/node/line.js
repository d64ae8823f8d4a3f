/** A way to Postgres on which words can be held up, swallowed, or answered by somebody else. */

import { connect, createServer } from 'node:net'

import { DATABASE_URL, listen, until } from './support.js'

/** @typedef {import('node:net').Socket} Socket */

/**
 * @param {(data: Buffer, client: Socket, number: number) => unknown} [intercept] whether it keeps what the
 *   client says from the server; the clients are numbered from 0
 */
export async function createLine(intercept = () => false) {
  let open = Promise.withResolvers()
  open.resolve(null)
  let waiting = 0
  let clients = 0
  /** @type {Set<Socket>} */
  const sockets = new Set()
  const server = createServer((client) => {
    const number = clients
    clients += 1
    const upstream = connect(Number(new URL(DATABASE_URL).port), '127.0.0.1')
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}))
    client.on('data', (data) => intercept(data, client, number) || upstream.write(data))
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    upstream.on('data', async (data) => {
      waiting += 1
      await open.promise
      waiting -= 1
      client.write(data)
    })
  })
  const port = await listen(server)
  const url = new URL(DATABASE_URL)
  url.host = `127.0.0.1:${port}`
  const cut = () => sockets.forEach((socket) => socket.destroy())
  return {
    url: url.href,
    /** How many clients there were. */
    get clients() {
      return clients
    },
    hold: () => (open = Promise.withResolvers()),
    release: () => open.resolve(null),
    answered: () => until(async () => waiting > 0),
    cut,
    close: () => {
      cut()
      server.close()
    },
  }
}

/**
 * The last message of a server that ends the connection.
 *
 * @param {string} message
 * @param {string} [severity]
 */
export function errorResponse(message, severity = 'FATAL') {
  const fields = [`S${severity}`, `V${severity}`, 'C08P01', `M${message}`, 'Dprivate', 'Hprivate', '', '']
  return messageOf('E', fields.join('\0').slice(0, -1))
}

/**
 * @param {string} type
 * @param {string} body
 */
export function messageOf(type, body) {
  const header = Buffer.alloc(5)
  header.write(type)
  header.writeUInt32BE(4 + Buffer.byteLength(body), 1)
  return Buffer.concat([header, Buffer.from(body)])
}
