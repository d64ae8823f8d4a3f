"""bridge.toml and what -c overrides in it, as frozen, validated types."""

from stacks.settings.model import Settings, Stage, Webhook, Worker
from stacks.settings.reading import read_settings

__all__ = ["Settings", "Stage", "Webhook", "Worker", "read_settings"]
