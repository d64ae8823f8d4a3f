/** Entries are read once, again when they are old or on demand, and never shown. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'

import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as secrets from 'bridge/secrets'

import { createSecret, disconnect, output, putSecret } from './support.js'

const FIELDS = { database_url: 'postgresql://hunter2' }

after(disconnect)

test('should read an entry once', async () => {
  const secret = await createSecret(FIELDS)
  await secrets.get(secret)
  await putSecret(secret, { database_url: 'new' })

  assert.deepEqual(await secrets.get(secret), FIELDS)
})

test('should read again on demand', async () => {
  const secret = await createSecret(FIELDS)
  await secrets.get(secret)
  await putSecret(secret, { database_url: 'new' })

  assert.deepEqual(await secrets.refresh(secret), { database_url: 'new' })
  assert.deepEqual(await secrets.get(secret), { database_url: 'new' })
})

test('should read again once the copy is too old', async () => {
  const secret = await createSecret(FIELDS)
  await secrets.get(secret)
  await putSecret(secret, { database_url: 'new' })

  assert.deepEqual(await secrets.get(secret, { maxAgeMs: 3_600_000 }), FIELDS)
  assert.deepEqual(await secrets.get(secret, { maxAgeMs: 0 }), { database_url: 'new' })
})

test('should use the copy while the entry cannot be read', async () => {
  const secret = await createSecret(FIELDS)
  await secrets.get(secret)
  await putSecret(secret, 'broken hunter2')

  const lines = await output(async () => assert.deepEqual(await secrets.refresh(secret), FIELDS))

  assert.match(lines[0].message, /the copy in memory is used/)
  assert.doesNotMatch(JSON.stringify(lines), /hunter2/)
})

test('should say how to fill an entry that is empty', async () => {
  const name = `external-compute/dev/database-${randomUUID()}`
  await new SecretsManagerClient().send(new CreateSecretCommand({ Name: name }))

  for (const empty of [name, 'external-compute/dev/none']) {
    await assert.rejects(secrets.get(empty), {
      message: new RegExp(`secret "${empty}" .*: fill it with "make secrets STAGE=dev ENV_FILE=<your .env>"`),
    })
  }
})

for (const fields of [{}, { url: '' }]) {
  test(`should name the member that is missing or empty: ${JSON.stringify(fields)}`, async () => {
    const secret = await createSecret(fields)

    await assert.rejects(secrets.field(secret, 'url'), {
      name: 'UnfilledSecretError',
      message: /^"url" of secret "/,
    })
  })
}

for (const text of ['hunter2', '["hunter2"]', '{"password": 2}', 'null']) {
  test(`should not show a value that it cannot use: ${text}`, async () => {
    const secret = await createSecret({})
    await putSecret(secret, text)

    await assert.rejects(secrets.get(secret), {
      name: 'SecretError',
      message: /is not a JSON object of strings(?!.*hunter2)/,
    })
  })
}
