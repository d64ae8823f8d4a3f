"""Doing something only every so often, however often somebody makes one want to."""

import time


class Pace:
    """Lets something happen at most once in so many seconds.

    By the wall clock: others stand still while Lambda freezes the function.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: float | None = None

    def allows(self) -> bool:
        """Tell whether it may happen now, taking it that it does."""
        now = time.time()
        if self._last is not None and 0 <= now - self._last < self._seconds:
            return False
        self._last = now
        return True
