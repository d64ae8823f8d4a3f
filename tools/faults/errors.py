"""What a scenario can end with, besides passing."""


class FaultsError(Exception):
    """Base of the suite's errors."""


class SkippedError(FaultsError):
    """A scenario can't be run on this system; the message says why."""


class BrokenError(FaultsError):
    """What the fault must leave as it is was not so; the message says what."""


class UnbrokenError(FaultsError):
    """The fault did not happen, so that nothing was shown; the message says what is missing."""
