/**
 * JSON as Postgres writes it. A number that JavaScript can't hold is kept as a string of its digits, as
 * Postgres wrote them: what `postgres` does with bigint and numeric too.
 */

// Strings are matched so that digits inside them are passed over.
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/**
 * Decode a JSON text.
 *
 * @param {string} text
 * @returns {any} integers beyond Number.MAX_SAFE_INTEGER, and numbers with a fraction or an exponent whose
 *   value a double doesn't have, are strings
 * @throws {SyntaxError} text is not JSON
 */
export function decode(text) {
  const value = JSON.parse(text)
  const exact = text.replace(TOKENS, (token) => (token[0] === '"' || isExact(token) ? token : `"${token}"`))
  return exact === text ? value : JSON.parse(exact)
}

/** @param {string} literal */
function isExact(literal) {
  // A double holds any number of so few digits and gives it back.
  if (literal.length <= 15 && !/e/i.test(literal)) return true
  const number = Number(literal)
  if (/^-?\d+$/.test(literal)) return Number.isSafeInteger(number)
  return Number.isFinite(number) && canonical(String(number)) === canonical(literal)
}

/** @param {string} literal */
function canonical(literal) {
  const [, sign, whole, fraction = '', exponent = '0'] = /** @type {RegExpExecArray} */ (
    DECIMAL.exec(literal)
  )
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (!significant) return '0'
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}
