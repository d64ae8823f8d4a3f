/** What the server says last is remembered however it comes in, and nothing but its message. */

import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'

import fc from 'fast-check'

import { Wire } from '../../lambda_src/node/src/wire.js'
import { errorResponse, messageOf } from './line.js'

const READY = messageOf('Z', 'I')
// Its bytes look like an error's, which it is not.
const ROW = messageOf('D', String(errorResponse('private')))
const NOTICE = messageOf('N', 'SNOTICE\0Mx\0\0')

/** @param {Buffer[]} chunks */
function hear(chunks) {
  const socket = new PassThrough()
  const wire = new Wire(/** @type {any} */ (socket))
  for (const chunk of chunks) socket.emit('data', chunk)
  return wire
}

/**
 * @param {Buffer} data
 * @param {number[]} sizes
 */
function cut(data, sizes) {
  const chunks = []
  let rest = data
  for (const size of sizes) {
    chunks.push(rest.subarray(0, size))
    rest = rest.subarray(size)
  }
  return [...chunks, rest].filter((chunk) => chunk.length)
}

const SIZES = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 })
const MESSAGES = fc.array(fc.constantFrom(READY, ROW, NOTICE, errorResponse('earlier', 'ERROR')))

test('should remember the error that nothing came after', () => {
  fc.assert(
    fc.property(MESSAGES, SIZES, (messages, sizes) => {
      const data = Buffer.concat([...messages, errorResponse('query_wait_timeout\n  ł')])

      assert.equal(hear(cut(data, sizes)).lastWords, 'query_wait_timeout ł')
    }),
  )
})

test('should forget an error that something came after', () => {
  fc.assert(
    fc.property(MESSAGES, fc.constantFrom(READY, ROW, NOTICE), SIZES, (messages, last, sizes) => {
      const wire = hear(cut(Buffer.concat([...messages, last]), sizes))

      assert.equal(wire.lastWords, null)
      assert.equal(wire.greeted, [...messages, last].includes(READY))
    }),
  )
})

test('should wait for an error to be whole', () => {
  const data = errorResponse('private')

  assert.equal(hear([data.subarray(0, -1)]).lastWords, null)
})
