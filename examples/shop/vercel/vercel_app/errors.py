"""What goes wrong on purpose.

AppError                     its message is for the log: it holds no values of rows, tokens or secrets
├── HttpError                the request is refused, and its sender is told why
├── SettingsError            an environment variable is missing or can't be used; the message names it
├── UnavailableError         Postgres, Supabase or Stripe is out of reach, or failed (502, 503)
│   └── SlowError            ... or did not answer in time (504)
├── SignatureError           a message is not signed as it must be
├── LostTransactionError     a transaction can't be committed
└── MissingKeyError          a thin record can't be read back
"""

from collections.abc import Mapping


class AppError(Exception):
    """Base of all errors that are raised on purpose."""


class HttpError(AppError):
    """The request is refused.

    Attributes:
        status: the HTTP status, 4xx.
        headers: of the answer.
        members: of the answer's body, beside "error".
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.members = dict(members or {})


class SettingsError(AppError):
    """An environment variable is missing or can't be used; the message names it, and never its value."""


class UnavailableError(AppError):
    """Something that is needed is out of reach; the same request succeeds later.

    Attributes:
        status: 502 when it answered with an error of its own, 503 when it can't be reached.
        retry_after: seconds after which to try again.
        reason: what only the log is told.
    """

    def __init__(self, message: str, *, status: int = 503, retry_after: int = 5, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.reason = reason


class SlowError(UnavailableError):
    """There was no answer in time; what was asked for may have happened all the same."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message, status=504, reason=reason)


class SignatureError(AppError):
    """The request is not signed with the signing secret, or its timestamp is outside the tolerance."""


class LostTransactionError(AppError):
    """A transaction was void or over before it could be committed; nothing of it took effect."""


class MissingKeyError(AppError):
    """A thin record does not hold a key by which its row can be read back."""
