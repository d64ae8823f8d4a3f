/** The Lambda function that gives every processed order of a user its receipt. */

import { worker } from 'bridge'
import { bucket } from 'bridge/storage'

import { render } from './pdf.mjs'
import { receiptOf } from './receipt.mjs'

export const handler = worker(async (event, sql, { log, signal }) => {
  const order = event.row
  if (event.truncated) return log.info('the order has been deleted meanwhile')
  if (order.user_id === null) return log.info('an order without a user has no receipt')

  // Events may overtake one another. Until this one is done, the order keeps what its receipt says.
  const [current] = await sql`
    select from public.orders
    where id = ${order.id} and processed_at is not distinct from ${order.processed_at ?? null}
    for share`
  if (!current) return log.info('the order has been processed again or deleted meanwhile')

  const [user] = await sql`select name from public.users where id = ${order.user_id}`
  const { pdf, replaced } = await render(receiptOf(order, user?.name))
  if (replaced) log.warn('characters that the font lacks were replaced', { characters: replaced })

  const receipts = await bucket('receipts', { signal })
  // An event that is handled a second time puts the same bytes in the same place.
  await receipts.upload(`${order.user_id}/${order.id}.pdf`, pdf, {
    contentType: 'application/pdf',
    upsert: true,
  })
})
