import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

// examples/shop/tests/edge/test_cloudflare.py starts what these name.
const given = (name: string): string => {
  const value = process.env[name]
  if (!value)
    throw new Error(
      `${name} is not set: run these tests with pytest examples/shop/tests/edge/test_cloudflare.py`,
    )
  return value
}

export default defineConfig({
  plugins: [
    cloudflareTest({
      wrangler: { configPath: './wrangler.jsonc' },
      miniflare: {
        hyperdrives: {
          OWNER: given('OWNER_DATABASE_URL'),
          // Nobody listens on port 1.
          OUT_OF_REACH: 'postgresql://edge:password@127.0.0.1:1/postgres',
        },
        bindings: {
          SUPABASE_URL: given('SUPABASE_URL'),
          SUPABASE_ANON_KEY: given('SUPABASE_ANON_KEY'),
          SUPABASE_JWT_SECRET: given('SUPABASE_JWT_SECRET'),
          SUPABASE_SIGNING_KEY: given('SUPABASE_SIGNING_KEY'),
          SUPABASE_KEY_ID: given('SUPABASE_KEY_ID'),
        },
      },
    }),
  ],
  test: {
    include: ['test/*.test.ts'],
    testTimeout: 10_000,
    restoreMocks: true,
    silent: 'passed-only',
    // The files don't disturb one another, and starting one runtime takes less than starting five.
    isolate: false,
    fileParallelism: false,
  },
})
