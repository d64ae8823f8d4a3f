"""Asking a platform again after what may pass, within the function's time.

Not left to Cloudflare's SDK: it waits for a minute at most, where the platform blocks a token that asked too
often for five (https://developers.cloudflare.com/fundamentals/api/reference/limits/).
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sync_platform.errors import UnavailableError

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 15.0
"""For one attempt. A Worker's new version is there in two or three."""

# Before the second attempt and those after it, where the platform doesn't say how long.
PAUSES = (0.5, 2.0, 8.0)
_LEAST_SECONDS = 0.001
_Answer = TypeVar("_Answer")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempts:
    """How long one invocation may go on asking.

    Attributes:
        deadline: of time.monotonic().
    """

    deadline: float

    @property
    def seconds(self) -> float:
        """What the next attempt may take."""
        return max(min(ANSWER_SECONDS, self.deadline - time.monotonic()), _LEAST_SECONDS)

    def make(self, send: Callable[[], _Answer]) -> _Answer:
        """Send, again while that may help, and return the answer.

        Raises:
            UnavailableError: no attempt was answered; the last one's reason.
        """
        for pause in PAUSES:
            try:
                return send()
            except UnavailableError as error:
                wait = max(error.retry_after, pause * random.uniform(0.5, 1.0))  # noqa: S311  # against herds
                if time.monotonic() + wait >= self.deadline:
                    raise
                _logger.warning("%s; trying again in %.1f s", error, wait)
                time.sleep(wait)
        return send()
