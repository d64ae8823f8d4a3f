import { SettingsError } from './errors.js'

/**
 * Return an environment variable.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @param {string} name
 * @throws {SettingsError} it is not set, or empty
 */
export function required(environment, name) {
  const value = environment[name]
  if (!value) throw new SettingsError(`the environment variable ${name} is not set`)
  return value
}
