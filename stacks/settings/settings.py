"""All that one stage's bridge.toml says."""

from pathlib import Path

from stacks.settings.compute import KNOWN_ENTRIES, Compute, Function, Worker
from stacks.settings.section import Section
from stacks.settings.stage import Stage
from stacks.settings.targets import Target
from stacks.settings.webhook import Webhook


class Settings(Section):
    """One stage of one bridge.toml, checked.

    Attributes:
        code: the folder whose workers/ and functions/ hold a folder for each of them.
    """

    stage_name: str
    stage: Stage
    code: Path
    webhooks: tuple[Webhook, ...]
    workers: dict[str, Worker]
    functions: dict[str, Function]
    targets: tuple[Target, ...]

    @property
    def ordered_targets(self) -> frozenset[str]:
        """Those that get everything in its order, as one of their webhooks declares it."""
        return frozenset(target for webhook in self.webhooks if webhook.ordered for target in webhook.targets)

    @property
    def own_entries(self) -> list[str]:
        """Secrets Manager entries that functions and workers name and the bridge doesn't know, sorted."""
        computes: list[Compute] = [*self.functions.values(), *self.workers.values()]
        return sorted({entry for compute in computes for entry in compute.secrets} - KNOWN_ENTRIES)

    @property
    def platforms(self) -> list[str]:
        """Outside platforms that secrets are written to, each with an entry for its token, sorted."""
        return sorted({platform for target in self.targets if (platform := target.platform)})
