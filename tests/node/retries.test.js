/** An event that failed is received again soon, long before the queue's visibility time-out. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, test } from 'node:test'

import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { worker } from 'bridge'

import * as retries from '../../lambda_src/node/src/retries.js'
import { createSecret, disconnect, invoke, output, queued } from './support.js'

const sqs = new SQSClient()
const before = { ...process.env }

afterEach(() => Object.assign(process.env, before))

after(disconnect)

async function createQueue() {
  const created = await sqs.send(
    new CreateQueueCommand({ QueueName: `test-${randomUUID()}`, Attributes: { VisibilityTimeout: '600' } }),
  )
  return created.QueueUrl ?? ''
}

/**
 * Receive as Lambda's mapping does.
 *
 * @param {string} url
 * @param {number} [seconds] to wait
 * @returns {Promise<any[]>}
 */
async function receive(url, seconds = 0) {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: seconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    }),
  )
  return Messages.map(({ MessageId, ReceiptHandle, Attributes, Body }) => ({
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    attributes: Attributes,
    body: Body,
  }))
}

for (const [receives, seconds] of [
  [1, 5],
  [2, 10],
  [3, 20],
  [8, 640],
  [9, 900],
  [5000, 900],
]) {
  test(`should wait longer each time: ${receives}`, () => {
    assert.equal(retries.delaySeconds(receives), seconds)
  })
}

test('should be received again after its delay', async () => {
  const url = await createQueue()
  await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '{}' }))
  const received = await receive(url)
  const failedAt = Date.now()

  await retries.schedule(url, received, { seconds: 1 })

  const [again] = await receive(url, 15)
  assert.ok(Date.now() - failedAt >= 1_000)
  assert.equal(again.attributes.ApproximateReceiveCount, '2')
})

test('should leave the rest to the queue when SQS refuses', async () => {
  const record = /** @type {any} */ ({ receiptHandle: 'none', attributes: { ApproximateReceiveCount: '1' } })

  const [warning] = await output(async () => retries.schedule(`${await createQueue()}-gone`, [record]))

  assert.match(warning.message, /visibility time-out stays/)
})

test('should receive a failed event again after five seconds, but not while the database is away', async () => {
  const failing = worker(() => {
    throw new Error('always')
  })
  const [soon, late] = [await createQueue(), await createQueue()]
  const away = await createSecret({ database_url: 'postgresql://postgres@127.0.0.1:9/postgres' })
  for (const url of [soon, late]) {
    await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(queued({})) }))
  }

  // First, so that it would be there when the other one is.
  Object.assign(process.env, { QUEUE_URL: late, DATABASE_SECRET_ID: away })
  assert.equal(
    (
      await invoke(
        worker(() => {}),
        { Records: await receive(late) },
      )
    ).length,
    1,
  )
  Object.assign(process.env, before, { QUEUE_URL: soon })
  const records = await receive(soon)
  const failedAt = Date.now()
  assert.equal((await invoke(failing, { Records: records })).length, 1)
  await failing.close()

  assert.equal((await receive(soon, 12)).length, 1)
  assert.ok(Date.now() - failedAt >= 5_000)
  assert.deepEqual(await receive(late), [])
})
