"""bridge.toml and what -c overrides in it, as frozen, validated types."""

from stacks.settings.folders import WorkerKind
from stacks.settings.model import Compute, Function, Settings, Stage, Webhook, Worker
from stacks.settings.reading import read_settings

__all__ = ["Compute", "Function", "Settings", "Stage", "Webhook", "Worker", "WorkerKind", "read_settings"]
