"""What can go wrong between here and a platform, as the person who deploys or rotates reads it.

SyncError
├── EventError         an event that asks for nothing this function does
├── TokenError         there is no token, or the platform doesn't take it for this
├── MissingError       the account, Worker or project is not there
├── RefusedError       the platform says no for another reason
└── UnavailableError   no answer, or one that says to try again later

None of them carries a token, a value or the body of a request.
"""

from collections.abc import Iterable

from bridge.errors import BridgeError

_LONGEST_MESSAGE = 200


class SyncError(BridgeError):
    """Its text becomes the reason that CloudFormation shows, and the error of a direct invocation."""


class EventError(SyncError):
    """The event is no request of CloudFormation, nor one that a person may send."""


class TokenError(SyncError):
    """The entry with the token is not filled, or the platform refuses the token."""


class MissingError(SyncError):
    """What should get the secrets does not exist, or the token can't see it."""


class RefusedError(SyncError):
    """The platform refuses; sending the same again would not help."""


class UnavailableError(SyncError):
    """Sending the same again may help.

    Attributes:
        retry_after: seconds that the platform asks to wait; 0 where it doesn't say.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def unavailable(answer: str, retry_after: float) -> UnavailableError:
    """Make the error of an answer that says to try again, after so many seconds if it says when."""
    wait = f"; it asks to wait for {retry_after:.0f} seconds before this is repeated" if retry_after else ""
    return UnavailableError(answer + wait, retry_after)


def told(code: object, message: object, *, hidden: Iterable[str]) -> str:
    """What a platform said, in brackets and on one line, without what it may have repeated of the request.

    Args:
        code: the platform's own.
        message: the platform's own.
        hidden: the token, and the values that were sent.
    """
    parts = sorted({part for value in hidden for part in (value, *value.split())}, key=len, reverse=True)
    text = f"{code}: {message}" if code and message else str(code or message or "no reason given")
    for part in parts:
        text = text.replace(part, "[hidden]")
    text = " ".join(text.split())
    return f"({text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + '…'})"
