"""Every error the bridge raises on purpose.

BridgeError
├── SettingsError              an environment variable is missing or not what it should be
├── SignatureError             a request that the holder of the signing secret did not sign, or not just now
├── MalformedMessageError      a message or event that does not have the standard's shape
├── SecretError                a Secrets Manager entry could not be read
│   └── UnfilledSecretError    ... because nobody has filled it yet
├── DatabaseUnavailableError   no connection to Postgres
├── LostTransactionError       a transaction was void or over before it could be committed
├── EnqueueError               SQS did not take every event
├── MissingKeyError            a thin record whose row cannot be looked up
└── OutOfTimeError             too little of the function's time left to begin an event

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


class LostTransactionError(BridgeError):
    """A transaction was void or over before it could be committed; nothing of it took effect."""


class EnqueueError(BridgeError):
    """SQS took none or not all of the events; the message holds counts only."""


class MissingKeyError(BridgeError):
    """A thin record does not hold a key by which its row can be read back."""


class OutOfTimeError(BridgeError):
    """The function's time is nearly over; the event goes back to its queue."""
