"""The receiver's environment, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bridge.environment import queue_urls, required, required_json
from bridge.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the deployment tells the receiver.

    Attributes:
        signing_secret_id: the Secrets Manager entry with "current" and "previous".
        queues: each webhook's queue URLs by their targets; none for one that is verified and goes nowhere.
        allowed_source_ranges: CIDRs that requests may come from; empty: any.
    """

    signing_secret_id: str
    queues: Mapping[str, Mapping[str, str]]
    allowed_source_ranges: tuple[str, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read WEBHOOK_SIGNING_SECRET_ID, WEBHOOKS, QUEUES, QUEUE_ADDRESS and ALLOWED_SOURCE_RANGES.

        Raises:
            SettingsError: one is missing or malformed.
        """
        webhooks = required_json(environment, "WEBHOOKS", dict)
        urls = queue_urls(environment)
        for webhook, targets in webhooks.items():
            for target in targets:
                if target not in urls:
                    raise SettingsError(
                        f'WEBHOOKS: target "{target}" of webhook "{webhook}" is not in QUEUES'
                    )
        return cls(
            signing_secret_id=required(environment, "WEBHOOK_SIGNING_SECRET_ID"),
            queues={
                webhook: {target: urls[target] for target in targets} for webhook, targets in webhooks.items()
            },
            allowed_source_ranges=tuple(required_json(environment, "ALLOWED_SOURCE_RANGES", list)),
        )
