/**
 * Error
 * └── WorkerError              its message is for the log: it holds no values of rows, tokens or secrets
 *     ├── HttpError            the request is refused, and its sender is told why
 *     ├── SettingError         a variable or secret can't be used
 *     ├── UnavailableError     Postgres or Supabase is out of reach
 *     ├── SignatureError       a message is not signed as it must be
 *     ├── LostTransactionError a transaction can't be committed
 *     └── MissingKeyError      a thin record can't be read back
 */

export class WorkerError extends Error {
  override get name(): string {
    return this.constructor.name
  }
}

export class HttpError extends WorkerError {
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
  }
}

export class SettingError extends WorkerError {}

export class UnavailableError extends WorkerError {}

export class SignatureError extends WorkerError {}

export class LostTransactionError extends WorkerError {}

export class MissingKeyError extends WorkerError {}
