"""What the deployment tells this function."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bridge.environment import required


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The function's settings.

    Attributes:
        worker: the worker's name, in logs and metrics.
        queue_url: where its events come from.
        state_machine_arn: what an execution is started of.
    """

    worker: str
    queue_url: str
    state_machine_arn: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read WORKER, QUEUE_URL and STATE_MACHINE_ARN.

        Raises:
            SettingsError: one is not set.
        """
        return cls(
            worker=required(environment, "WORKER"),
            queue_url=required(environment, "QUEUE_URL"),
            state_machine_arn=required(environment, "STATE_MACHINE_ARN"),
        )
