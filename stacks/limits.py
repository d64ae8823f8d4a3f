"""Limits of AWS that a declaration can reach, looked at where they can still be explained.

What a deployment would be refused for half-way, a synthesis is. Quotas that AWS raises on request only warn,
see `functions.py`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from stacks.errors import SettingsError
from stacks.names import camel_case
from stacks.settings import Settings


@dataclass(frozen=True)
class Limit:
    """Limit of a service of AWS.

    Attributes:
        service: its name.
        most: the largest number that is allowed.
        unit: plural noun of what is counted.
        remedy: sentence that says how to stay below it.
    """

    service: str
    most: int
    unit: str
    remedy: str = "Shorten it."

    def exceeded(self, what: str, count: int) -> Iterator[str]:
        """Say what exceeds the limit, if it does."""
        if count > self.most:
            yield f"{what}: {count} {self.unit}; {self.service} allows {self.most}. {self.remedy}"


_FEWER = "Let one worker take the events of several webhooks, and one route with a {name} stand for several."
# AWS CloudFormation user guide, "Understand CloudFormation quotas"; a template in S3.
RESOURCES = Limit("CloudFormation", 500, "resources", _FEWER)
OUTPUTS = Limit("CloudFormation", 200, "outputs", _FEWER)
PARAMETERS = Limit("CloudFormation", 200, "parameters", _FEWER)
TEMPLATE = Limit("CloudFormation", 1_000_000, "bytes of template", _FEWER)
# AWS Lambda developer guide, "Lambda quotas".
ENVIRONMENT = Limit("Lambda", 4096, "bytes of environment variables", "Name fewer secrets.")
CODE = Limit(
    "Lambda",
    262_144_000,
    "bytes of code and libraries, unzipped",
    "Take libraries out of its requirements.txt or package.json, or make two of it.",
)
FUNCTION_NAME = Limit("Lambda", 64, "characters of a function's name", "Shorten it, or the stage's.")
# Amazon SQS developer guide, "Queue quotas".
QUEUE_NAME = Limit("SQS", 80, "characters of a queue's name", "Shorten it, or the stage's.")
# IAM user guide, "IAM and AWS STS quotas": the CDK splits what doesn't fit into a role's own policy.
POLICIES = Limit("IAM", 10, "policies of one role", "Declare fewer workers or targets.")
# Amazon CloudWatch user guide, "CloudWatch service quotas".
WIDGET = Limit("CloudWatch", 500, "metrics in a graph", _FEWER)
DASHBOARD = Limit("CloudWatch", 2500, "metrics on a dashboard", _FEWER)
# A custom resource's event has its properties twice, as they are and as they were; Lambda takes 256 KB.
DECLARATION = Limit(
    "a custom resource",
    120_000,
    "bytes of webhooks and targets",
    "Declare fewer webhooks, or shorten their conditions and lists of columns.",
)
# An unresolved reference at its longest, such as an ARN or a queue's URL: characters.
_REFERENCE = 160


def check_limits(assembly: Path, settings: Settings) -> None:
    """Refuse what AWS would refuse.

    Args:
        assembly: the folder that was synthesised.
        settings: what it was made of.

    Raises:
        SettingsError: for each limit that is exceeded, with the count, the entry and the way out.
    """
    templates = [_Template(file, settings) for file in sorted(assembly.glob("*.template.json"))]
    # One for all functions, also of nested stacks.
    layer = sum(template.layer_size for template in templates)
    problems = [problem for template in templates for problem in template.problems(layer)]
    if problems:
        raise SettingsError("\n  ".join(["more is declared than AWS allows:", *problems]))


class _Template:
    """One stack's; nested ones have their own."""

    def __init__(self, file: Path, settings: Settings) -> None:
        self._file = file
        self._name = file.name.removesuffix(".template.json").removesuffix(".nested")
        self._template = json.loads(file.read_text("utf-8"))
        self._resources: dict[str, Any] = self._template.get("Resources", {})
        self._entries = _entries(settings)

    @property
    def layer_size(self) -> int:
        """Bytes of the layers that are made here, unzipped."""
        layers = [item for item in self._resources.values() if item["Type"] == "AWS::Lambda::LayerVersion"]
        return sum(self._unzipped(layer["Properties"]["Content"]) for layer in layers)

    def problems(self, layer: int) -> Iterator[str]:
        """Yield a sentence for each limit that is exceeded; `layer` is the bytes that a layer adds."""
        yield from self._of_stack()
        for logical_id, resource in self._resources.items():
            entry, properties = self._entry(logical_id), resource.get("Properties", {})
            match resource["Type"]:
                case "AWS::Lambda::Function":
                    yield from self._of_function(entry, properties, layer)
                case "AWS::SQS::Queue":
                    yield from QUEUE_NAME.exceeded(entry, len(properties["QueueName"]))
                case "AWS::IAM::Role":
                    yield from POLICIES.exceeded(entry, self._attached(logical_id))
                case "AWS::CloudWatch::Dashboard":
                    yield from _of_dashboard(properties)
                case "Custom::SupabaseBridge":
                    yield from DECLARATION.exceeded(entry, _size(properties["Declaration"]))

    def _of_stack(self) -> Iterator[str]:
        parts = Counter(self._path(logical_id)[0] for logical_id in self._resources)
        most = ", ".join(f"{part} {count}" for part, count in parts.most_common(3))
        yield from RESOURCES.exceeded(f"stack {self._name} (most of it {most})", len(self._resources))
        yield from OUTPUTS.exceeded(f"stack {self._name}", len(self._template.get("Outputs", {})))
        yield from PARAMETERS.exceeded(f"stack {self._name}", len(self._template.get("Parameters", {})))
        yield from TEMPLATE.exceeded(f"stack {self._name}", self._file.stat().st_size)

    def _of_function(self, entry: str, properties: Mapping[str, Any], layer: int) -> Iterator[str]:
        variables = properties.get("Environment", {}).get("Variables", {})
        size = sum(len(name) + _size(value) for name, value in variables.items())
        yield from ENVIRONMENT.exceeded(entry, size)
        yield from FUNCTION_NAME.exceeded(entry, len(properties.get("FunctionName", "")))
        code = self._unzipped(properties["Code"])
        yield from CODE.exceeded(entry, code + (layer if properties.get("Layers") else 0))

    def _unzipped(self, code: Mapping[str, Any]) -> int:
        archive = self._file.with_name(f"asset.{code.get('S3Key', '')}")
        if archive.is_file():
            with ZipFile(archive) as zipped:
                return sum(member.file_size for member in zipped.infolist())
        return sum(file.stat().st_size for file in archive.with_suffix("").rglob("*") if file.is_file())

    def _attached(self, role: str) -> int:
        return sum(
            {"Ref": role} in resource["Properties"].get("Roles", [])
            for resource in self._resources.values()
            if resource["Type"] == "AWS::IAM::ManagedPolicy"
        )

    def _path(self, logical_id: str) -> list[str]:
        path = self._resources[logical_id].get("Metadata", {}).get("aws:cdk:path", f"/{logical_id}")
        return str(path).split("/")[1:]

    def _entry(self, logical_id: str) -> str:
        """Name the entry of bridge.toml that a resource belongs to; without one, the resource's place."""
        path = self._path(logical_id)
        own = self._entries.get("/".join(path[:2])) or self._entries.get("".join(path[1:2]))
        return own or f"{self._name}, {'/'.join(path)}"


def _entries(settings: Settings) -> dict[str, str]:
    """Return entries of bridge.toml by the places of what is made of them."""
    entries: dict[str, str] = {}
    for name in settings.workers:
        id_ = camel_case(name)
        entries |= dict.fromkeys(
            (f"Workers/{id_}", f"Workers/{id_}-work", f"Worker{id_}"), f'worker "{name}"'
        )
    for name in settings.functions:
        id_ = camel_case(name)
        entries |= dict.fromkeys((f"Functions/{id_}", f"Function{id_}"), f'function "{name}"')
    return entries


def _of_dashboard(properties: Mapping[str, Any]) -> Iterator[str]:
    total = 0
    for widget in json.loads(_text(properties["DashboardBody"]))["widgets"]:
        count = len(widget["properties"].get("metrics", []))
        yield from WIDGET.exceeded(f'dashboard, "{widget["properties"].get("title")}"', count)
        total += count
    yield from DASHBOARD.exceeded("dashboard", total)


def _size(value: Any) -> int:
    """Bytes, with every reference at its longest."""
    return len(_text(value).encode())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(map(_text, parts))
    return "x" * _REFERENCE
