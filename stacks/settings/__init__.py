"""bridge.toml and what -c overrides in it, as frozen, validated types."""

from stacks.settings.compute import QUEUE_SETTINGS, Compute, Function, Worker
from stacks.settings.declared import Declared, read_declared
from stacks.settings.folders import WorkerKind, has_task
from stacks.settings.reading import read_settings
from stacks.settings.settings import Settings
from stacks.settings.stage import Stage
from stacks.settings.targets import CloudflareWorker, Target, VercelProject
from stacks.settings.webhook import Webhook

__all__ = [
    "QUEUE_SETTINGS",
    "CloudflareWorker",
    "Compute",
    "Declared",
    "Function",
    "Settings",
    "Stage",
    "Target",
    "VercelProject",
    "Webhook",
    "Worker",
    "WorkerKind",
    "has_task",
    "read_declared",
    "read_settings",
]
