import { SettingError } from './errors'

/** What the Worker is bound to. `wrangler.jsonc` declares it; what may be missing is asked for by `required`. */
export interface Env {
  /** Postgres as the role `edge`, pooled by Cloudflare. */
  readonly HYPERDRIVE: Hyperdrive
  /** Answers of `GET /api/users`. */
  readonly CACHE: KVNamespace
  /** The address of Supabase's gateway. */
  readonly SUPABASE_URL?: string
  /** `ANON_KEY`, or a publishable key. */
  readonly SUPABASE_ANON_KEY?: string
  /** What HS256 tokens are signed with; without it, only tokens of Supabase's signing keys are accepted. */
  readonly SUPABASE_JWT_SECRET?: string
  /** One signing secret, or while it rotates two of them, separated by a space: the current one first. */
  readonly WEBHOOK_SIGNING_SECRET?: string
}

/** What lets work outlive the answer. */
export type Context = Pick<ExecutionContext, 'waitUntil'>

type Setting = {
  [Name in keyof Env]-?: Env[Name] extends string | undefined ? Name : never
}[keyof Env]

/**
 * Return a variable or secret without white space around it.
 *
 * @throws {SettingError} it is not set
 */
export function required(env: Env, name: Setting): string {
  const value = env[name]?.trim()
  if (!value) throw new SettingError(`${name} is not set`)
  return value
}

/**
 * Return the address of Supabase's gateway, without trailing slash.
 *
 * @throws {SettingError} it is not set
 */
export function supabaseUrl(env: Env): string {
  return required(env, 'SUPABASE_URL').replace(/\/+$/, '')
}
