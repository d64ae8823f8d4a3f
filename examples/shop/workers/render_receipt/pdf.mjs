/** A receipt as a PDF. */

import { buffer } from 'node:stream/consumers'

import PDFDocument from 'pdfkit'

import { bold, printable, regular } from './fonts.mjs'

/** @typedef {import('./receipt.mjs').Receipt} Receipt */

// Points; A4 is 595 by 842.
const MARGIN = 50
const BOTTOM = 842 - MARGIN
const GAP = 8
const COLUMNS = [
  { title: 'Item', x: 50, width: 205, align: 'left' },
  { title: 'Quantity', x: 265, width: 60, align: 'right' },
  { title: 'Price', x: 335, width: 100, align: 'right' },
  { title: 'Amount', x: 445, width: 100, align: 'right' },
]
// So that a row is never higher than a page.
const LONGEST_CELL = 300

/**
 * Render a receipt: the same bytes for the same receipt.
 *
 * @param {Receipt} receipt
 * @returns {Promise<{ pdf: Buffer, replaced: number }>} replaced: characters that the font lacks
 */
export async function render(receipt) {
  const page = new Page(receipt)
  const pdf = buffer(page.document)
  page.head(receipt)
  page.row(
    COLUMNS.map((column) => column.title),
    { font: 'bold' },
  )
  for (const { item, quantity, price, amount } of receipt.lines) page.row([item, quantity, price, amount])
  page.row(['Total', '', '', receipt.total], { font: 'bold' })
  page.document.end()
  return { pdf: await pdf, replaced: page.replaced }
}

/** Where the next thing goes, on as many pages as it takes. */
class Page {
  replaced = 0

  /** @param {Receipt} receipt */
  constructor({ number, issuedAt }) {
    this.document = new PDFDocument({
      size: 'A4',
      margin: MARGIN,
      lang: 'en',
      // By default it would read Helvetica's metrics from a file of its own.
      font: /** @type {any} */ (regular),
      // PDFs carry a time, and an id made from it.
      info: { Title: `Receipt ${number}`, CreationDate: issuedAt, ModDate: issuedAt },
    })
    this.document.registerFont('regular', regular).registerFont('bold', bold)
  }

  /** @param {Receipt} receipt */
  head({ number, date, buyer }) {
    this.document.font('bold').fontSize(20).text(`Receipt ${number}`)
    this.document.font('regular').fontSize(10).text(date)
    if (buyer) this.document.text(this.#printable(buyer))
    this.document.moveDown(2)
  }

  /**
   * @param {string[]} cells
   * @param {{ font?: string }} [options]
   */
  row(cells, { font = 'regular' } = {}) {
    const document = this.document.font(font).fontSize(10)
    const texts = cells.map((cell) => this.#printable(cell))
    const heights = texts.map((text, index) => document.heightOfString(text, { width: COLUMNS[index].width }))
    const height = Math.max(...heights)
    if (document.y + height > BOTTOM) document.addPage()
    const y = document.y
    for (const [index, { x, width, align }] of COLUMNS.entries()) {
      document.text(texts[index], x, y, { width, align: /** @type {any} */ (align) })
    }
    document.x = MARGIN
    document.y = y + height + GAP
  }

  /** @param {string} text */
  #printable(text) {
    const shortened = text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL).trimEnd()}…` : text
    const { text: shown, replaced } = printable(shortened)
    this.replaced += replaced
    return shown
  }
}
