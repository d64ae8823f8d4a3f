import { createClient, type SupabaseClient } from '@supabase/supabase-js'

import { required, supabaseUrl, type Env } from '../env'

let made: { readonly url: string; readonly key: string; readonly client: SupabaseClient } | undefined

/**
 * Return Supabase as anyone sees it. The isolate makes the client once, and again when its address or key changes.
 *
 * @throws {SettingError} SUPABASE_URL or SUPABASE_ANON_KEY is not set
 */
export function supabase(env: Env): SupabaseClient {
  const url = supabaseUrl(env)
  const key = required(env, 'SUPABASE_ANON_KEY')
  if (made?.url !== url || made.key !== key) {
    // Nobody is logged in here: there is no session to keep or to refresh.
    const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }
    made = { url, key, client: createClient(url, key, { auth }) }
  }
  return made.client
}
