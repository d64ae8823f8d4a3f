/**
 * Buckets as the service role: both kinds of keys, a key that changes, errors that throw and tell
 * nothing.
 */

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, afterEach, test } from 'node:test'

import { bucket } from 'bridge/storage'

import { describe } from '../../lambda_src/node/src/failures.js'
import { createSecret, disconnect, environment, listen, putSecret, unusedAddress } from './support.js'

const URL = environment('STORAGE_URL')
const LEGACY_KEY = environment('STORAGE_LEGACY_KEY')
const SECRET_KEY = environment('STORAGE_SECRET_KEY')
const PDF = Buffer.from('%PDF-1.7 \0\xff', 'latin1')
const AS_PDF = { contentType: 'application/pdf', upsert: true }

/** @type {import('node:http').Server[]} */
let servers = []

afterEach(() => {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
  servers = []
})

after(disconnect)

/** @param {{ url?: string, service_role_key?: string }} [fields] */
async function use(fields) {
  const secret = await createSecret({ url: URL, service_role_key: SECRET_KEY, ...fields })
  process.env.SUPABASE_SERVICE_ROLE_SECRET_ID = secret
  return secret
}

/** @param {import('node:http').RequestListener} answer */
async function serve(answer) {
  const server = createServer(answer)
  servers.push(server)
  return `http://127.0.0.1:${await listen(server)}`
}

for (const key of [LEGACY_KEY, SECRET_KEY]) {
  test(`should store and read an object with a key of either kind: ${key.slice(0, 6)}`, async () => {
    await use({ service_role_key: key })
    const receipts = await bucket('receipts')

    await receipts.upload('a/b c.pdf', PDF, AS_PDF)
    await receipts.upload('a/b c.pdf', PDF, AS_PDF)

    const { data } = await receipts.download('a/b c.pdf')
    assert.deepEqual(Buffer.from(await /** @type {Blob} */ (data).arrayBuffer()), PDF)
    assert.equal(data?.type, 'application/pdf')
  })
}

test('should send a token only where the key is one', async () => {
  /** @type {import('node:http').IncomingHttpHeaders[]} */
  const seen = []
  const url = await serve((request, response) => {
    seen.push(request.headers)
    response.end('{"Key": "k", "Id": "i"}')
  })
  for (const key of [LEGACY_KEY, SECRET_KEY]) {
    await use({ url, service_role_key: key })
    await (await bucket('receipts')).upload('x.pdf', PDF, AS_PDF)
  }

  assert.deepEqual(
    seen.map(({ apikey, authorization }) => [apikey, authorization]),
    [
      [LEGACY_KEY, `Bearer ${LEGACY_KEY}`],
      [SECRET_KEY, undefined],
    ],
  )
  assert.deepEqual([seen[0]['x-upsert'], seen[0]['content-type']], ['true', 'application/pdf'])
})

test('should throw what Storage answers', async () => {
  await use()

  await assert.rejects((await bucket('none')).upload('x.pdf', PDF, AS_PDF), {
    message: /[Bb]ucket not found/,
  })
  await assert.rejects((await bucket('receipts')).download('none.pdf'), { name: 'StorageApiError' })
})

test('should read the key again when it has been exchanged', async () => {
  const forged = `${LEGACY_KEY.slice(0, LEGACY_KEY.lastIndexOf('.'))}.${'A'.repeat(43)}`
  const secret = await use({ service_role_key: forged })
  const receipts = await bucket('receipts')
  await assert.rejects(receipts.upload('x.pdf', PDF, AS_PDF), { name: 'StorageApiError' })
  await putSecret(secret, { url: URL, service_role_key: SECRET_KEY })

  await receipts.upload('x.pdf', PDF, AS_PDF)
})

for (const status of [401, 403]) {
  test(`should read the key again when the gateway refuses it: ${status}`, async () => {
    const url = await serve((request, response) => {
      response.statusCode = request.headers.apikey === 'sb_secret_new' ? 200 : status
      response.end('{"Key": "k", "Id": "i"}')
    })
    const secret = await use({ url })
    const receipts = await bucket('receipts')
    await putSecret(secret, { url, service_role_key: 'sb_secret_new' })

    await receipts.upload('x.pdf', PDF, AS_PDF)
  })
}

test('should give up what is not answered when the signal aborts', async () => {
  await use({ url: await serve(() => {}) })

  const error = await failure(
    (await bucket('receipts', { signal: AbortSignal.timeout(100) })).upload('x.pdf', PDF),
  )

  assert.equal(describe(error).error, 'StorageUnknownError')
})

test('should tell the log what happened, without keys', async () => {
  await use({ url: await unusedAddress() })
  const refused = describe(await failure((await bucket('receipts')).upload('x.pdf', PDF, AS_PDF)))
  await use()
  const missing = describe(await failure((await bucket('none')).upload('x.pdf', PDF, AS_PDF)))

  assert.deepEqual(
    [refused.error, refused.reason, refused.code],
    ['StorageUnknownError', undefined, 'ECONNREFUSED'],
  )
  assert.deepEqual(
    [missing.error, missing.reason, missing.status],
    ['StorageApiError', 'Bucket not found', 400],
  )
  assert.ok(!JSON.stringify([refused, missing]).includes(SECRET_KEY))
})

for (const url of [`${URL}/`, ` ${URL}//\n`]) {
  test(`should take an address with more than it needs: ${JSON.stringify(url)}`, async () => {
    await use({ url })

    await (await bucket('receipts')).upload('x.pdf', PDF, AS_PDF)
  })
}

test('should take a key with white space around', async () => {
  await use({ service_role_key: ` ${SECRET_KEY}\n` })

  await (await bucket('receipts')).upload('x.pdf', PDF, AS_PDF)
})

for (const key of ['hunter2\nhunter2', 'hunter2 hunter2', 'hunter2ł', ' ']) {
  test(`should refuse a key that no header can hold, and not tell it: ${JSON.stringify(key)}`, async () => {
    const secret = await use({ service_role_key: key })

    const told = describe(await failure(bucket('receipts')))

    assert.equal(told.error, 'SecretError')
    assert.match(String(told.reason), new RegExp(`^"service_role_key" of secret "${secret}" is no key`))
    assert.doesNotMatch(JSON.stringify(told), /hunter2/)
  })
}

test('should not tell a key that is broken when it is read again', async () => {
  const url = await serve((_request, response) => {
    response.statusCode = 401
    response.end('{}')
  })
  const secret = await use({ url })
  const receipts = await bucket('receipts')
  await putSecret(secret, { url, service_role_key: 'hunter2\nhunter2' })

  const told = describe(await failure(receipts.upload('x.pdf', PDF, AS_PDF)))

  assert.match(String(told.reason), /"service_role_key" of secret .* is no key/)
  assert.doesNotMatch(JSON.stringify(told), /hunter2/)
})

for (const fields of [{ url: '' }, { service_role_key: '' }]) {
  test(`should name the member that is not filled: ${Object.keys(fields)}`, async () => {
    await use(fields)

    await assert.rejects(bucket('receipts'), { name: 'UnfilledSecretError' })
  })
}

/** @param {Promise<unknown>} promise */
async function failure(promise) {
  return promise.then(
    () => assert.fail('it did not fail'),
    (error) => error,
  )
}
