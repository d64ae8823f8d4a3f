/** What a receipt says. */

import { Big } from 'big.js'
import { BridgeError } from 'bridge'

/**
 * @typedef {{ item: string, quantity: string, price: string, amount: string }} Line
 * @typedef {{ number: string, issuedAt: Date, date: string, buyer: string, lines: Line[], total: string }}
 *   Receipt
 */

const DATE = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeZone: 'UTC' })

/** The order's row is not one that a receipt can be made of; the message names the member. */
export class MalformedOrderError extends BridgeError {}

/**
 * Word an order's receipt. Amounts are exact: computed and written as decimals of any length.
 *
 * @param {{ [column: string]: any }} order a row of public.orders: "id", "items" (a list of "sku",
 *   "quantity" and "price"), "total", "currency" and "processed_at"
 * @param {string} [buyer] the user's name
 * @returns {Receipt}
 * @throws {MalformedOrderError} one of these is missing or not what it should be
 */
export function receiptOf(order, buyer = '') {
  const money = currencyFormat(order.currency)
  if (!Array.isArray(order.items)) throw new MalformedOrderError('"items" must be a list')
  const issuedAt = new Date(order.processed_at ?? Number.NaN)
  if (Number.isNaN(issuedAt.getTime()))
    throw new MalformedOrderError('"processed_at" must be a date and time')
  return {
    number: String(order.id),
    issuedAt,
    date: DATE.format(issuedAt),
    buyer,
    lines: order.items.map((item, index) => line(item, `items[${index}].`, money)),
    total: money(decimal(order.total, 'total')),
  }
}

/**
 * @param {any} item
 * @param {string} where
 * @param {(amount: Big) => string} money
 * @returns {Line}
 */
function line(item, where, money) {
  if (typeof item?.sku !== 'string') throw new MalformedOrderError(`"${where}sku" must be a text`)
  const quantity = decimal(item.quantity, `${where}quantity`)
  const price = decimal(item.price, `${where}price`)
  return {
    item: item.sku,
    quantity: quantity.toFixed(),
    price: money(price),
    amount: money(quantity.times(price)),
  }
}

/**
 * @param {unknown} value a number, or a string of its digits where a number would not be exact
 * @param {string} where
 */
function decimal(value, where) {
  try {
    return new Big(/** @type {any} */ (value))
  } catch {
    throw new MalformedOrderError(`"${where}" must be a number`)
  }
}

/**
 * @param {unknown} currency
 * @returns {(amount: Big) => string}
 */
function currencyFormat(currency) {
  try {
    const format = new Intl.NumberFormat('en', {
      style: 'currency',
      currency: String(currency).toUpperCase(),
      // As many digits as the amount has: nothing is rounded.
      maximumFractionDigits: 100,
    })
    // Formatted from its digits; as a number it might be another.
    return (amount) => format.format(/** @type {Intl.StringNumericLiteral} */ (amount.toFixed()))
  } catch {
    throw new MalformedOrderError('"currency" must be a code of ISO 4217')
  }
}
