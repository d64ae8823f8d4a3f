"""Shared context of a stage's parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_

from stacks.code.shared_layer import SharedLayer, function_architecture
from stacks.code.source import Source, Sources
from stacks.entries import Entries
from stacks.layout import Layout
from stacks.settings import Settings, Stage

ROOT = Path(__file__).parents[1]
_FUNCTIONS = ROOT / "lambda_src"


@dataclass(frozen=True, kw_only=True)
class StageContext:
    """Settings of a stage, and what is made of them once for all parts.

    Attributes:
        settings: what bridge.toml says.
        sources: makes code of folders.
        layer: the one that Python functions share.
        architecture: the processor that functions run on.
        entries: of Secrets Manager.
        layout: tells where functions stand.
        key: the user's own, which encrypts entries, queues and logs; None: those of AWS.
    """

    settings: Settings
    sources: Sources
    layer: lambda_.ILayerVersion
    architecture: lambda_.Architecture
    entries: Entries
    layout: Layout
    key: kms.IKey | None

    @classmethod
    def of(cls, stack: Stack, settings: Settings) -> Self:
        """Make what a stack's parts share.

        Raises:
            BuildError: the layer's libraries can't be installed.
        """
        arn = settings.stage.kms_key_arn
        key = kms.Key.from_key_arn(stack, "Key", arn) if arn else None
        entries = Entries(stack, "Entries", settings=settings, key=key)
        local = settings.stage.layer_platform == "local"
        sources = Sources(
            layer=_FUNCTIONS / "layer", cache=ROOT / "build" / "libraries", for_this_machine=local
        )
        return cls(
            settings=settings,
            sources=sources,
            layer=SharedLayer(stack, "Layer", sources=sources),
            architecture=function_architecture(for_this_machine=local),
            entries=entries,
            layout=Layout(stack, settings),
            key=key,
        )

    @property
    def stage_name(self) -> str:
        """Such as "prod"."""
        return self.settings.stage_name

    @property
    def stage(self) -> Stage:
        """The stage's own settings."""
        return self.settings.stage

    @property
    def removal(self) -> RemovalPolicy:
        """Policy for logs that leave the stack."""
        return removal_policy(self.stage)

    def worker_folder(self, name: str) -> Path:
        """Return a worker's folder, beside the declaration."""
        return self.settings.code / "workers" / name

    def function_folder(self, name: str) -> Path:
        """Return an HTTP function's folder, beside the declaration."""
        return self.settings.code / "functions" / name

    def bridge_source(
        self,
        name: str,
        *,
        beside: Mapping[str, Path] | None = None,
        tables: Mapping[str, Any] | None = None,
    ) -> Source:
        """Return the code of one of the bridge's own functions, by its folder in lambda_src/, and more."""
        return self.sources.python(_FUNCTIONS / name, beside=beside, tables=tables)


def removal_policy(stage: Stage) -> RemovalPolicy:
    """Return what becomes of secrets and logs when they leave a stack."""
    if stage.removal == "destroy":
        return RemovalPolicy.DESTROY
    # But not what a failed first deployment leaves: it would be in the way of the next.
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
