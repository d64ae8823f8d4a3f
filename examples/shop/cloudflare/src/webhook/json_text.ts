/**
 * JSON as Postgres writes it. A number that JavaScript can't hold is kept as a string of its digits, as Postgres wrote
 * them: what `pg` does with bigint and numeric too.
 */

// The text is rewritten and read again. A reviver would see the digits too, but it calls itself for every level, and
// Postgres nests values deeper than that goes. Strings are matched so that digits inside them are passed over.
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/**
 * Decode a JSON text.
 *
 * @returns integers beyond `Number.MAX_SAFE_INTEGER`, and numbers with a fraction or an exponent whose value a double
 *   doesn't have, are strings
 * @throws {SyntaxError} text is not JSON
 */
export function decode(text: string): unknown {
  const value: unknown = JSON.parse(text)
  const exact = text.replace(TOKENS, (token) =>
    token.startsWith('"') || isExact(token) ? token : `"${token}"`,
  )
  return exact === text ? value : JSON.parse(exact)
}

function isExact(literal: string): boolean {
  // A double holds any number of so few digits and gives it back.
  if (literal.length <= 15 && !/e/i.test(literal)) return true
  const number = Number(literal)
  if (/^-?\d+$/.test(literal)) return Number.isSafeInteger(number)
  return Number.isFinite(number) && canonical(String(number)) === canonical(literal)
}

function canonical(literal: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(literal) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (!significant) return '0'
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}
