import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import { connect as secure } from 'node:tls'

import { LostConnectionError } from './errors.js'

const KEEPALIVE_MS = 5_000
// https://www.postgresql.org/docs/current/protocol-message-formats.html, SSLRequest
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const ERROR_RESPONSE = 'E'
const READY_FOR_QUERY = 'Z'
// A message's type and its length, which counts itself but not the type.
const HEADER_BYTES = 5

/**
 * What `postgres` is given for a socket: connected, encrypted, and its only one.
 *
 * With a socket of its own, `postgres` would write to it after its end, which ends the process, or connect
 * again where a transaction was, so that its late statements would take effect alone. This one answers what
 * is written after its end with an error, and emits "lost" instead of "close", so that `postgres` can be
 * ended before it is told.
 */
export class Wire extends EventEmitter {
  #socket
  #lost = false
  #greeted = false
  /** @type {string | null} */
  #lastWords = null
  // What has come of a message that is not whole yet, and how much more of one is passed over.
  /** @type {Buffer} */
  #partial = Buffer.alloc(0)
  #passing = 0

  /** @param {import('node:net').Socket} socket connected, and encrypted if it shall be */
  constructor(socket) {
    super()
    this.#socket = socket
    socket.on('data', (data) => {
      this.#follow(data)
      this.emit('data', data)
    })
    socket.on('drain', () => this.emit('drain'))
    socket.on('error', () => this.#lose())
    socket.on('close', () => this.#lose())
  }

  /**
   * Connect.
   *
   * @param {{ host: string, port: number }} address
   * @param {{ tls: import('node:tls').ConnectionOptions | null, signal: AbortSignal }} options tls null:
   *   unencrypted
   * @throws whatever the operating system or TLS says
   */
  static async open(address, { tls, signal }) {
    const socket = connect({
      ...address,
      keepAlive: true,
      keepAliveInitialDelay: KEEPALIVE_MS,
      noDelay: true,
    })
    try {
      await once(socket, 'connect', { signal })
      return new Wire(tls ? await encrypted(socket, tls, signal) : socket)
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  /** Whether the connection is over. */
  get lost() {
    return this.#lost
  }

  /** Whether the login has been answered; then whatever isn't waits for a connection of the pooler's. */
  get greeted() {
    return this.#greeted
  }

  /** The error, without its detail, that the server said nothing after: `postgres` drops it at the end. */
  get lastWords() {
    return this.#lastWords
  }

  get readyState() {
    return this.lost ? 'closed' : 'open'
  }

  /**
   * @param {Buffer} data
   * @param {(() => void)} [callback]
   */
  write(data, callback) {
    if (!this.lost) return this.#socket.write(data, callback)
    process.nextTick(() => this.#tell())
    return true
  }

  /** @param {Buffer} data the last */
  end(data) {
    this.#socket.end(data)
  }

  pause() {
    this.#socket.pause()
  }

  resume() {
    this.#socket.resume()
  }

  /** Close it, once what was written has been sent. */
  destroy() {
    this.#socket.destroySoon()
    this.#lose()
  }

  /** @param {Buffer} data */
  #follow(data) {
    let rest = this.#partial.length ? Buffer.concat([this.#partial, data]) : data.subarray(this.#passing)
    this.#passing = Math.max(0, this.#passing - data.length)
    while (rest.length >= HEADER_BYTES) {
      const type = String.fromCharCode(rest[0])
      const length = 1 + rest.readUInt32BE(1)
      if (type === ERROR_RESPONSE && rest.length < length) break
      this.#greeted ||= type === READY_FOR_QUERY
      this.#lastWords = type === ERROR_RESPONSE ? primaryMessage(rest.subarray(HEADER_BYTES, length)) : null
      this.#passing = Math.max(0, length - rest.length)
      rest = rest.subarray(length)
    }
    this.#partial = rest
  }

  #lose() {
    if (this.lost) return
    this.#lost = true
    this.#tell()
    this.emit('lost')
  }

  #tell() {
    if (this.listenerCount('error')) this.emit('error', new LostConnectionError())
  }
}

/**
 * The message itself: the detail and others beside it may quote rows.
 *
 * @param {Buffer} fields each a letter and a text that ends with NUL
 */
function primaryMessage(fields) {
  const message = fields
    .toString()
    .split('\0')
    .find((field) => field.startsWith('M'))
  return message ? message.slice(1).replace(/\s+/g, ' ') : null
}

/**
 * @param {import('node:net').Socket} socket
 * @param {import('node:tls').ConnectionOptions} options
 * @param {AbortSignal} signal
 */
async function encrypted(socket, options, signal) {
  socket.write(SSL_REQUEST)
  const [answer] = await once(socket, 'data', { signal })
  // More than this one byte would be somebody's words from before the encryption: CVE-2021-23214.
  if (answer.toString('latin1') !== 'S') throw new Error('server does not support SSL')
  const made = secure({ ...options, socket })
  await once(made, 'secureConnect', { signal })
  return made
}
