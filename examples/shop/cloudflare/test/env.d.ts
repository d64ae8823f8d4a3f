declare namespace Cloudflare {
  /** The Worker's, and what only its tests have. */
  interface Env extends Required<Omit<import('../src/env').Env, 'WEBHOOK_SIGNING_SECRET'>> {
    /** The database as its owner. */
    readonly OWNER: Hyperdrive
    readonly OUT_OF_REACH: Hyperdrive
    /** The private key of Supabase's ES256 tokens, and its id. */
    readonly SUPABASE_SIGNING_KEY: string
    readonly SUPABASE_KEY_ID: string
  }

  interface GlobalProps {
    mainModule: typeof import('../src/index')
  }
}

declare module '*?raw' {
  const text: string
  export default text
}
