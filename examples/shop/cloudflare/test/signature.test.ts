/** The verdicts of tests/vectors, which everything that verifies signatures must give. */

import { describe, expect, it } from 'vitest'

import text from '../../../tests/vectors/signatures.json?raw'
import { SettingError, SignatureError } from '../src/errors'
import { verify } from '../src/webhook/signature'
import { OTHER_SECRET } from './support'

interface Case {
  readonly name: string
  readonly secrets: string[]
  readonly headers: Record<string, string>
  readonly body?: string
  readonly body_base64?: string
  readonly verdict: string
}

interface Signed {
  readonly name: string
  readonly secrets: string[]
  readonly id: string
  readonly timestamp: number
  readonly body: string
  readonly signature: string
}

interface Receipt {
  readonly name: string
  readonly secrets: string[]
  readonly headers: Record<string, string>
  readonly body: string
  readonly target: string | null
  readonly receipt: string
}

const vectors: { now: number; signing: Signed[]; receipts: Receipt[]; verifying: Case[] } = JSON.parse(text)

function bytesOf({ body, body_base64 }: Case): Uint8Array {
  if (body !== undefined) return new TextEncoder().encode(body)
  return Uint8Array.from(atob(body_base64 ?? ''), (character) => character.charCodeAt(0))
}

async function verdict(vector: Case): Promise<string> {
  const headers = new Headers(vector.headers)
  try {
    const { id } = await verify(bytesOf(vector), headers, vector.secrets, vectors.now)
    return id === headers.get('webhook-id') ? 'accepted' : `accepted as ${id}`
  } catch (error) {
    if (error instanceof SignatureError) return 'refused'
    throw error
  }
}

describe('verify', () => {
  it.each(vectors.verifying)('should give the verdict: $name', async (vector) => {
    expect(await verdict(vector)).toBe(vector.verdict)
  })

  it.each(vectors.signing)(
    'should accept what is signed: $name',
    async ({ secrets, id, timestamp, body, signature }) => {
      const headers = {
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signature,
      }

      const attempt = await verify(new TextEncoder().encode(body), new Headers(headers), secrets, timestamp)

      expect(attempt.id).toBe(id)
    },
  )

  it.each(vectors.receipts.filter(({ target }) => target === null))(
    'should give the receipt: $name',
    async ({ secrets, headers, body, receipt }) => {
      const attempt = await verify(new TextEncoder().encode(body), new Headers(headers), secrets, vectors.now)

      expect(await attempt.receipt()).toBe(receipt)
    },
  )

  it.each(['', 'whsec_', 'c2hvcnQ=', `${OTHER_SECRET}!`, OTHER_SECRET.slice(0, -1), btoa('x'.repeat(65))])(
    'should refuse to work with a secret that can be none: "%s"',
    async (secret) => {
      await expect(verify(new Uint8Array(), new Headers(), [secret], vectors.now)).rejects.toThrow(
        SettingError,
      )
    },
  )
})
