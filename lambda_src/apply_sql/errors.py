"""What can go wrong with a deployment, as its owner reads it.

ApplyError
├── RequirementError   the database, the declaration or the rights don't fit; says what to do
├── BusyError          a table stayed locked through every retry
└── PingError          the database can't reach the API, or the API refuses its messages
"""


class ApplyError(Exception):
    """Its text becomes the reason that CloudFormation shows."""


class RequirementError(ApplyError):
    """Nothing has been changed."""


class BusyError(ApplyError):
    """Nothing has been changed."""


class PingError(ApplyError):
    """What was applied has been taken back."""
