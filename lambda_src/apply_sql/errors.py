"""What can go wrong with a deployment, as its owner reads it.

ApplyError
├── RequirementError   the database, the declaration or the rights don't fit; says what to do
├── BusyError          a table stayed locked through every retry
└── PingError          the database can't reach the API, or the API refuses its messages
"""

import psycopg


class ApplyError(Exception):
    """Its text becomes the reason that CloudFormation shows."""


class RequirementError(ApplyError):
    """Nothing has been changed."""


class BusyError(ApplyError):
    """Nothing has been changed."""


class PingError(ApplyError):
    """What was applied has been taken back."""


def describe(error: psycopg.Error) -> str:
    """What the server said, on one line, with its hint."""
    message = error.diag.message_primary or str(error)
    hint = error.diag.message_hint
    return " ".join(f"{message}. {hint}".split() if hint else message.split())
