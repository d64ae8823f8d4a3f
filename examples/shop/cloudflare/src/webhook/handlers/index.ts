import type { Handler } from '../processing'
import { orderCreated } from './order_created'

/** What each webhook of `bridge.toml` does here, by its name. */
export const handlers: ReadonlyMap<string, Handler> = new Map([['order.created', orderCreated]])
