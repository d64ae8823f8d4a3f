/** The TLS modes against a server with a certificate of its own authority, for localhost. */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { rootCertificates } from 'node:tls'

import { Database } from '../../lambda_src/node/src/database.js'
import { createSecret, disconnect, environment } from './support.js'
import { using } from './workers.js'

const URL = environment('TLS_DATABASE_URL')
const CERTIFICATE = environment('TLS_CERTIFICATE')

after(disconnect)

/**
 * @param {string} tls
 * @param {{ host?: string, certificate?: string }} [options]
 * @returns {Promise<boolean>} whether the connection is encrypted
 */
async function connect(tls, { host = 'localhost', certificate = '' } = {}) {
  const fields = { database_url: URL.replace('127.0.0.1', host), ca_certificate: certificate }
  const database = new Database(await createSecret(fields), { tls, applicationName: 'unit' })
  try {
    const query = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'
    const [row] = await database.transaction((sql) => sql.unsafe(query), { timeoutMs: 5_000 })
    return row.ssl
  } finally {
    await database.close()
  }
}

for (const [mode, encrypted] of /** @type {[string, boolean][]} */ ([
  ['disable', false],
  ['require', true],
])) {
  test(`should encrypt as told without verifying: ${mode}`, async () => {
    assert.equal(await connect(mode, { host: '127.0.0.1' }), encrypted)
    assert.equal(await connect(mode, { certificate: 'not one' }), encrypted)
  })
}

for (const [mode, host] of [
  ['verify-full', 'localhost'],
  ['verify-ca', 'localhost'],
  ['verify-ca', '127.0.0.1'],
]) {
  test(`should verify by the given authority: ${mode} ${host}`, async () => {
    assert.equal(await connect(mode, { host, certificate: CERTIFICATE }), true)
  })
}

test('should refuse a certificate for another host', async () => {
  await assert.rejects(connect('verify-full', { host: '127.0.0.1', certificate: CERTIFICATE }), {
    name: 'DatabaseUnavailableError',
    message: /IP: 127\.0\.0\.1 is not in the cert's list.*check "ca_certificate" in the database secret/,
  })
})

test('should refuse an authority that is not public', async () => {
  await assert.rejects(connect('verify-full'), {
    name: 'DatabaseUnavailableError',
    message:
      /unable to verify the first certificate; check "ca_certificate" in the database secret and database_tls \(now "verify-full"\)/,
  })
})

for (const [mode, certificate] of [
  ['verify-full', ''],
  ['verify-ca', rootCertificates[0]],
]) {
  test(`should verify even where the environment switches it off for all: ${mode}`, async () => {
    await using({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, () =>
      assert.rejects(connect(mode, { certificate }), { message: /unable to verify the first certificate/ }),
    )
  })
}

test('should refuse to trust any authority for any host', async () => {
  await assert.rejects(connect('verify-ca'), {
    name: 'SettingsError',
    message: /"verify-ca" needs "ca_certificate"/,
  })
})
