import type { Env } from './env'
import { route } from './router'

export default { fetch: route } satisfies ExportedHandler<Env>
