"""What one synthesis or one deployment holds of a stage."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.review.nesting import flattened

PREFIX = "external-compute"
BRIDGE = "Custom::SupabaseBridge"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack.

    Attributes:
        name: as in the account.
        template: as CloudFormation gets it.
        metadata: what synth noted, by construct path; nothing for what is deployed.
    """

    name: str
    template: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def resources(self) -> Mapping[str, Any]:
        """The template's resources by logical id."""
        found: Mapping[str, Any] = self.template.get("Resources", {})
        return found


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A stage's stacks, in the order in which they are deployed.

    Attributes:
        stage: its name.
        stacks: whatever there is of it.
        sql: SHA-256 of each file in sql/ by its path there; None where only the deployed templates are known.
        annotated: whether `metadata` is known.
    """

    stage: str
    stacks: tuple[Stack, ...]
    sql: Mapping[str, str] | None = None
    annotated: bool = True

    def short(self, stack: str) -> str:
        """Return a stack's name without what all of the stage's have in common."""
        return stack.removeprefix(f"{PREFIX}-{self.stage}-")

    def of_type(self, *types: str) -> Iterator[tuple[Stack, str, Mapping[str, Any]]]:
        """Yield stack, logical id and properties of the resources of some types."""
        for stack in self.stacks:
            for logical_id, resource in stack.resources.items():
                if resource["Type"] in types:
                    yield stack, logical_id, resource.get("Properties", {})


def read_assembly(directory: Path, stage: str, *, tree: Path) -> Assembly:
    """Read what `cdk synth` wrote.

    Args:
        directory: the assembly's.
        stage: its name.
        tree: the sources that it was made of, with sql/.
    """
    artifacts = _json(directory / "manifest.json")["artifacts"]
    stacks = [
        _stack(directory, name, artifact)
        for name, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    ]
    return Assembly(stage=stage, stacks=tuple(stacks), sql=_sql_files(tree / "sql"))


def _stack(directory: Path, name: str, artifact: Mapping[str, Any]) -> Stack:
    metadata = dict(artifact.get("metadata", {}))
    if file := artifact.get("additionalMetadataFile"):
        metadata |= _json(directory / file)
    properties = artifact["properties"]
    return Stack(
        name=properties.get("stackName", name),
        template=flattened(
            _json(directory / properties["templateFile"]),
            lambda _, nested: _json(directory / nested["Metadata"]["aws:asset:path"]),
        ),
        metadata=metadata,
    )


def _sql_files(folder: Path) -> dict[str, str]:
    files = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*.sql"))}
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def _json(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))
