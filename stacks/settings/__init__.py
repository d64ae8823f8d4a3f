"""bridge.toml and what -c overrides in it, as frozen, validated types."""

from stacks.settings.folders import WorkerKind, has_task
from stacks.settings.model import QUEUE_SETTINGS, Compute, Function, Settings, Stage, Webhook, Worker
from stacks.settings.reading import read_settings
from stacks.settings.targets import CloudflareWorker, Target, VercelProject

__all__ = [
    "QUEUE_SETTINGS",
    "CloudflareWorker",
    "Compute",
    "Function",
    "Settings",
    "Stage",
    "Target",
    "VercelProject",
    "Webhook",
    "Worker",
    "WorkerKind",
    "has_task",
    "read_settings",
]
