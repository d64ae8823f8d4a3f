"""What keeps a request out, and what keeps the authorizer from deciding."""

from bridge.errors import BridgeError


class DeniedError(Exception):
    """The request is refused.

    Attributes:
        reason: for the log, nothing of the token: route, scheme, size, malformed, header, algorithm, key_id,
            signature, claims, expired, not_yet_valid, issuer, audience, role, subject.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailableError(BridgeError):
    """The public keys can't be fetched, and none are known; the message holds their address."""
