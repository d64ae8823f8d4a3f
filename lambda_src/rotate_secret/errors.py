"""What can go wrong with a rotation, as the person who looks after it reads it.

RotationError
├── EventError      an event that asks for nothing this function does
├── VersionError    the entry has no such version, or another one has come into force meanwhile
├── VaultError      the database can't be asked, or Vault doesn't hold what it should
├── RefusedError    a message that the database signed was not accepted
└── PlatformError   the target's platform could not be told

None of them carries a secret. After any of them, what was in force is still accepted, and the same may be
asked again.
"""

from bridge.errors import BridgeError


class RotationError(BridgeError):
    """Its text is what Secrets Manager, the schedule's log or the person who invoked is shown."""


class EventError(RotationError):
    """The event is no step of Secrets Manager, nor what a person or the schedule may send."""


class VersionError(RotationError):
    """The entry's versions, or what is in one, don't allow what is asked."""


class VaultError(RotationError):
    """The database refused, or Vault doesn't hold what it should."""


class RefusedError(RotationError):
    """What receives messages refused one, so that the new secret doesn't come into force."""


class PlatformError(RotationError):
    """The platform does not have the secrets that are in force now; it accepts those of before."""
