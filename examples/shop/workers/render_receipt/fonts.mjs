/**
 * The receipt's fonts, and what of a text they can show.
 *
 * DejaVu Sans has Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew, Arabic and many signs, in a file of
 * 740 kB; a font with Chinese, Japanese and Korean has ten times that.
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { create } from 'fontkit'

const REPLACEMENT = '\u{fffd}'
const NO_BREAK_SPACE = '\u{a0}'
const INVISIBLE = /[\p{Variation_Selector}\p{Cf}]/u
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

// Read while the function starts, at full speed. Beside the bundle is a folder node_modules with just these
// files.
export const regular = read(import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'))
export const bold = read(import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf'))

const font = /** @type {import('fontkit').Font} */ (create(regular))

/**
 * Replace what the fonts lack by "�", one for each character as a reader counts them, and put words into the
 * order in which they stand on the page from left to right.
 *
 * @param {string} text
 * @returns {{ text: string, replaced: number }} how many were replaced
 */
export function printable(text) {
  let replaced = 0
  const shown = Array.from(graphemes.segment(text.normalize('NFC')), ({ segment }) => {
    if (/\s/u.test(segment)) return ' '
    const visible = [...segment].filter((character) => !INVISIBLE.test(character))
    if (visible.every((character) => font.hasGlyphForCodePoint(character.codePointAt(0) ?? 0)))
      return visible.join('')
    replaced += 1
    return REPLACEMENT
  })
  return { text: visualOrder(shown.join('')), replaced }
}

/**
 * fontkit lays out each run in its own direction; pdfkit makes runs at spaces, and lets one follow the other
 * from left to right. So words from right to left are kept together, and what a text from right to left
 * begins with goes last.
 *
 * @param {string} text
 */
function visualOrder(text) {
  const words = text.split(' ')
  const first = words.find((word) => /\p{L}/u.test(word)) ?? ''
  const runs = runsOf(words)
  if (RIGHT_TO_LEFT.test(first)) runs.reverse()
  // The space that ends such a run is laid out with it, to its left: another one keeps the next word away.
  return runs
    .map((run) => (RIGHT_TO_LEFT.test(run) ? `${run} ` : run))
    .join(' ')
    .trim()
}

/** @param {string[]} words */
function runsOf(words) {
  /** @type {string[]} */
  const runs = []
  let previous
  for (const word of words) {
    const rightToLeft = RIGHT_TO_LEFT.test(word)
    if (rightToLeft === previous) runs[runs.length - 1] += (rightToLeft ? NO_BREAK_SPACE : ' ') + word
    else runs.push(word)
    previous = rightToLeft
  }
  return runs
}

/** @param {string} url */
function read(url) {
  return readFileSync(fileURLToPath(url))
}
