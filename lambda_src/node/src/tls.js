/** How the connection to Postgres is encrypted, and whose certificate it accepts. */

import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'

import { SettingsError } from './errors.js'

export const TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full']

/**
 * Translate a TLS mode, with libpq's meaning, into Node.js's options.
 *
 * @param {string} mode one of TLS_MODES
 * @param {{ host: string, ca: string | undefined }} server ca: PEM text; empty: the public authorities that
 *   Node.js knows
 * @returns {import('node:tls').ConnectionOptions | null} null: unencrypted
 * @throws {SettingsError} verify-ca without a certificate: any public one would pass
 */
export function tlsOptions(mode, { host, ca }) {
  if (mode === 'disable') return null
  // An address is no server name; without one Node.js would check the certificate for "localhost".
  const servername = isIP(host) ? '' : host
  if (mode === 'require') return { servername, rejectUnauthorized: false }
  // Said outright, or NODE_TLS_REJECT_UNAUTHORIZED=0 would switch verifying off.
  const rejectUnauthorized = true
  if (mode === 'verify-ca') {
    if (!ca) {
      throw new SettingsError(
        'database_tls "verify-ca" needs "ca_certificate" in the database secret; without one use "verify-full"',
      )
    }
    return { servername, ca, rejectUnauthorized, checkServerIdentity: () => undefined }
  }
  const identity = /** @type {typeof checkServerIdentity} */ (
    (_, certificate) => checkServerIdentity(host, certificate)
  )
  return { servername, ca: ca || undefined, rejectUnauthorized, checkServerIdentity: identity }
}
