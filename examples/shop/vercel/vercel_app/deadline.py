"""A time by which a request must have been answered."""

import time


class Deadline:
    """Counts down from a number of seconds."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; 0: none."""
        return max(self.at - time.monotonic(), 0.0)

    def earlier(self, seconds: float) -> "Deadline":
        """Return one that is over so many seconds before this one."""
        return Deadline(self.left() - seconds)
