/** The package bridge: what a worker in Node.js is made with. See ../README.md. */

export * from './errors.js'
export { Event } from './events.js'
export { worker } from './worker.js'
