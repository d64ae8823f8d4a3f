/**
 * What all clients of AWS have in common. They are bundled rather than taken from Lambda's runtime: the
 * version is the locked one, on AWS as on one machine, and one file loads faster than the runtime's many.
 */
export const CLIENT = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 4_000, throwOnRequestTimeout: true },
}
