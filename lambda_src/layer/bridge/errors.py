"""Every error the bridge raises on purpose.

BridgeError
├── SettingsError              an environment variable is missing or not what it should be
├── SignatureError             a request that the holder of the signing secret did not sign, or not just now
├── MalformedMessageError      a message or event that does not have the standard's shape
├── SecretError                a Secrets Manager entry could not be read
│   └── UnfilledSecretError    ... because nobody has filled it yet
├── DatabaseUnavailableError   no connection to Postgres
│   └── PoolerFullError        ... because every one of them is taken
├── RoleError                  a caller's role that a transaction can't take
├── LostTransactionError       a transaction was void or over before it could be committed
├── EnqueueError               SQS did not take every event
├── NotAcceptedError           a message that the database posted to try it out was not accepted
├── MissingKeyError            a thin record whose row cannot be looked up
├── OutOfTimeError             too little of the function's time left to begin something
└── SupabaseError              Supabase's REST API refused a request, or gave no answer to it
    ├── SupabaseConflictError          ... a unique constraint
    ├── SupabaseForbiddenError         ... the role may not, or row-level security
    ├── SupabaseKeyError               ... the API key of the secret
    ├── SupabaseUnauthorizedError      ... the user's token
    └── SupabaseUnavailableError       ... it can't be reached, or is overloaded

None of them carries a secret, a signature, a record or a connection string.
"""


class BridgeError(Exception):
    """Base of all errors that the bridge raises on purpose."""


class SettingsError(BridgeError):
    """An environment variable is missing or malformed; the message names it."""


class SignatureError(BridgeError):
    """The request is not signed with the signing secret, or its timestamp is outside the tolerance."""


class MalformedMessageError(BridgeError):
    """A message or an event is not JSON, or lacks what it must have; the message says what."""


class SecretError(BridgeError):
    """A Secrets Manager entry cannot be read or is not what it should be; the message names the entry."""


class UnfilledSecretError(SecretError):
    """A Secrets Manager entry has no value yet; the message says how to fill it."""


class DatabaseUnavailableError(BridgeError):
    """No connection to Postgres could be made; the message holds host, port and reason."""


class PoolerFullError(DatabaseUnavailableError):
    """The pooler, or Postgres itself, has no connection left to give now."""


class RoleError(BridgeError):
    """The role of a caller is none that a transaction may take; the message names it."""


class LostTransactionError(BridgeError):
    """A transaction was void or over before it could be committed; nothing of it took effect."""


class EnqueueError(BridgeError):
    """SQS took none or not all of the events; the message holds counts only."""


class NotAcceptedError(BridgeError):
    """No 2xx came back for a ping; the message holds the last answer and the likely remedy."""


class MissingKeyError(BridgeError):
    """A thin record does not hold a key by which its row can be read back."""


class OutOfTimeError(BridgeError):
    """The function's time is nearly over; what was about to begin has not, and can be tried again."""


class SupabaseError(BridgeError):
    """Supabase's REST API refused a request, or gave no answer to it.

    Attributes:
        status: the HTTP status; 0 when there was no answer.
        code: PostgREST's or Postgres' code, such as "23505" or "PGRST116"; "" when there is none.
        message: what PostgREST says; may quote names of columns and constraints, and for some codes values:
            log what `bridge.failures.describe` leaves of it.
        details: more of it, which may quote rows: never log it.
        hint: what to do, as PostgREST or Postgres suggests.
    """

    def __init__(
        self, status: int, code: str = "", message: str = "", details: str = "", hint: str = ""
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
        super().__init__(f"{status} {code}".strip() + f": {message}")


class SupabaseConflictError(SupabaseError):
    """The change violates a unique constraint."""


class SupabaseForbiddenError(SupabaseError):
    """The role may not do it, or row-level security refuses it."""


class SupabaseKeyError(SupabaseError):
    """The API key of the secret is not accepted: it was revoked, or never right."""


class SupabaseUnauthorizedError(SupabaseError):
    """The user's token is not accepted: it is expired, malformed or revoked."""


class SupabaseUnavailableError(SupabaseError):
    """No answer, or one that says to try again later."""
