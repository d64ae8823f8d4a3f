/**
 * When an event that failed is received again: soon, and later each time.
 *
 * Left to the queue, it would be after the visibility time-out: six times the function's, even after a
 * moment's trouble.
 */

import { ChangeMessageVisibilityBatchCommand, SQSClient } from '@aws-sdk/client-sqs'

import { CLIENT } from './aws.js'
import { logger } from './logs.js'

/** @typedef {import('aws-lambda').SQSRecord} SQSRecord */

const FIRST_SECONDS = 5
export const LONGEST_SECONDS = 900
export const FULL_POOLER_SECONDS = 60

const client = new SQSClient(CLIENT)

/**
 * Return the seconds until the next attempt, after so many: 5, 10, 20, … at most 900.
 *
 * @param {number} receiveCount
 */
export function delaySeconds(receiveCount) {
  return Math.min(FIRST_SECONDS * 2 ** (receiveCount - 1), LONGEST_SECONDS)
}

/**
 * Return the seconds until the next attempt when the pooler was full: mostly for a moment.
 *
 * @param {number} receiveCount
 */
export function fullPoolerDelaySeconds(receiveCount) {
  return receiveCount === 1 ? FULL_POOLER_SECONDS : LONGEST_SECONDS
}

/**
 * Let failed SQS records of one batch, at most ten, be received again after their delay.
 *
 * If SQS refuses, they come after the queue's own visibility time-out: later, but not lost.
 *
 * @param {string} queueUrl where they came from
 * @param {SQSRecord[]} records as Lambda got them
 * @param {{ seconds?: number | ((receiveCount: number) => number) }} [options] the same delay for all, or how
 *   to tell it from the attempts so far
 */
export async function schedule(queueUrl, records, { seconds = delaySeconds } = {}) {
  if (!records.length) return
  const entries = records.map((record, index) => ({
    Id: String(index),
    ReceiptHandle: record.receiptHandle,
    VisibilityTimeout:
      typeof seconds === 'number' ? seconds : seconds(Number(record.attributes.ApproximateReceiveCount)),
  }))
  try {
    await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries: entries }))
  } catch (error) {
    logger.warn('the visibility time-out stays for failed events', {
      error: /** @type {any} */ (error)?.name,
    })
  }
}
