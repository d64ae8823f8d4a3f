/**
 * Every error the bridge throws on purpose.
 *
 * BridgeError
 * ├── SettingsError              an environment variable is missing or not what it should be
 * ├── MalformedEventError        a queue message that is no event
 * ├── SecretError                a Secrets Manager entry could not be read
 * │   └── UnfilledSecretError    ... because nobody has filled it yet
 * ├── DatabaseUnavailableError   no connection to Postgres
 * │   └── PoolerFullError        ... because every one of them is taken
 * ├── LostConnectionError        the connection to Postgres broke
 * ├── LostTransactionError       a transaction was over before it could be committed
 * ├── TransactionOverError       a query that came after the end of its transaction
 * ├── MissingKeyError            a thin record whose row cannot be looked up
 * ├── OutOfTimeError             too little of the function's time left to begin something
 * └── TimeLimitError             an event that was still being handled when its time was over
 *
 * None of them carries a secret, a record or a connection string.
 */

/** Base of all errors that the bridge throws on purpose; what a log may quote. */
export class BridgeError extends Error {
  /** @override */
  get name() {
    return this.constructor.name
  }
}

/** An environment variable is missing or malformed; the message names it. */
export class SettingsError extends BridgeError {}

/** A queue message is not JSON, or lacks what an event must have; the message says what. */
export class MalformedEventError extends BridgeError {}

/** A Secrets Manager entry cannot be read or is not what it should be; the message names the entry. */
export class SecretError extends BridgeError {}

/** A Secrets Manager entry has no value yet; the message says how to fill it. */
export class UnfilledSecretError extends SecretError {}

/** No connection to Postgres could be made; the message holds host, port and reason. */
export class DatabaseUnavailableError extends BridgeError {}

/** The pooler, or Postgres itself, has no connection left to give now. */
export class PoolerFullError extends DatabaseUnavailableError {}

/** The connection to Postgres broke; what it had not committed is undone. */
export class LostConnectionError extends BridgeError {
  /** @param {string | null} [reason] what the server said */
  constructor(reason) {
    super(`the connection to Postgres was lost${reason ? `: ${reason}` : ''}`)
  }
}

/** A transaction was over before it could be committed. */
export class LostTransactionError extends BridgeError {}

/** A query came after the end of its transaction; it has not been sent. */
export class TransactionOverError extends BridgeError {}

/** A thin record does not hold a key by which its row can be read back. */
export class MissingKeyError extends BridgeError {}

/** The function's time is nearly over; what was about to begin has not, and can be tried again. */
export class OutOfTimeError extends BridgeError {}

/** An event was still being handled when its time was over; its transaction is undone, or never begins. */
export class TimeLimitError extends BridgeError {}
