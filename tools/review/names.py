"""Values of templates as a person reads them: construct paths instead of logical ids."""

import json
import re
from typing import Any

from tools.review.assembly import Assembly, Stack

# The constructs that hold nothing but a resource.
_INNERMOST = re.compile(r"(/(Resource|Default))+$")
_SUBSTITUTED = re.compile(r"\$\{(!?)([^}]+)\}")
# What is the stage's own, wherever it is deployed.
_OWN = ("AWS::Partition", "AWS::Region", "AWS::AccountId")


class Names:
    """What is called how in one assembly."""

    def __init__(self, assembly: Assembly) -> None:
        """Learn the paths, outputs and exports of all stacks."""
        self.assembly = assembly
        self._stacks = {stack.name: stack for stack in assembly.stacks}
        self._exports: dict[str, tuple[Stack, Any]] = {}
        for stack in assembly.stacks:
            for output in stack.template.get("Outputs", {}).values():
                if export := output.get("Export"):
                    self._exports[self.text(stack, export["Name"])] = (stack, output["Value"])

    def place(self, stack: Stack, logical_id: str) -> str:
        """Return a resource's path, such as bridge/Redelivery/Function; without one, its logical id."""
        short = self.assembly.short(stack.name)
        path = str(stack.resources.get(logical_id, {}).get("Metadata", {}).get("aws:cdk:path", ""))
        inner = _INNERMOST.sub("", path.removeprefix(f"{stack.name}/")) if path else logical_id
        return f"{short}/{inner}"

    def text(self, stack: Stack, value: Any) -> str:
        """Return a value as text; what only AWS knows as the template has it."""
        resolved = self.resolved(stack, value)
        return resolved if isinstance(resolved, str) else _compact(resolved)

    def shown(self, stack: Stack, value: Any) -> str:
        """Return the same for display: the stage's own partition, region and account are each "…"."""
        return shortened(self.text(stack, value))

    def resolved(self, stack: Stack, value: Any) -> Any:
        """Return a value with its intrinsic functions as text; those that choose or cut stay as they are."""
        known = {
            "Ref": self._reference,
            "Fn::GetAtt": self._attribute,
            "Fn::Join": self._joined,
            "Fn::Sub": self._substituted,
            "Fn::ImportValue": self._imported,
            "Fn::GetStackOutput": self._output,
        }
        name, argument = intrinsic(value)
        if name in known:
            return known[name](stack, argument)
        if isinstance(value, dict):
            return {key: self.resolved(stack, each) for key, each in value.items()}
        return [self.resolved(stack, each) for each in value] if isinstance(value, list) else value

    def _joined(self, stack: Stack, argument: Any) -> str:
        separator, parts = argument
        return str(separator).join(self._part(stack, part) for part in listed(parts))

    def _reference(self, stack: Stack, name: str) -> str:
        return self.place(stack, name) if name in stack.resources else f"${{{name}}}"

    def _attribute(self, stack: Stack, attribute: Any) -> str:
        parts = attribute.split(".", 1) if isinstance(attribute, str) else attribute
        logical_id, name = str(parts[0]), str(parts[1])
        place = self.place(stack, logical_id)
        return place if name == "Arn" else f"{place}.{name}"

    def _part(self, stack: Stack, part: Any) -> str:
        """A part of a longer text: a reference is set off from what is around it."""
        text = self.text(stack, part)
        return f"${{{text}}}" if _is_reference(part) and not text.startswith("${") else text

    def _substituted(self, stack: Stack, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            if name in variables:
                return self._part(stack, variables[name])
            return self._part(stack, {"Fn::GetAtt": name} if "." in name else {"Ref": name})

        return _SUBSTITUTED.sub(value, text)

    def _imported(self, stack: Stack, name: Any) -> str:
        export = self.text(stack, name)
        if export not in self._exports:
            return f"${{import {export}}}"
        owner, value = self._exports[export]
        return self.text(owner, value)

    def _output(self, stack: Stack, argument: Any) -> str:
        name, output = self.text(stack, argument["StackName"]), str(argument["OutputName"])
        owner = self._stacks.get(name)
        outputs = owner.template.get("Outputs", {}) if owner else {}
        if owner is None or output not in outputs:
            return f"${{output {output} of {name}}}"
        return self.text(owner, outputs[output]["Value"])


def shortened(text: str) -> str:
    """Put "…" for each of the stage's own partition, region and account."""
    for name in _OWN:
        text = text.replace(f"${{{name}}}", "…")
    return text


def listed(value: Any) -> list[Any]:
    """Return what may be one or a list as a list."""
    return list(value) if isinstance(value, list) else [value]


def intrinsic(value: Any) -> tuple[str, Any]:
    """Return the name and the argument of an intrinsic function; "" and the value for anything else."""
    if isinstance(value, dict) and len(value) == 1:
        [(name, argument)] = value.items()
        if name == "Ref" or name.startswith("Fn::"):
            return name, argument
    return "", value


def references(value: Any) -> set[str]:
    """Return the logical ids, parameters and pseudo parameters that a value refers to."""
    name, argument = intrinsic(value)
    if name == "Ref":
        return {str(argument)}
    if name == "Fn::GetAtt":
        return {str(argument.split(".", 1)[0] if isinstance(argument, str) else argument[0])}
    if name == "Fn::Sub":
        text, variables = (argument, {}) if isinstance(argument, str) else argument
        named = {each.split(".", 1)[0] for literal, each in _SUBSTITUTED.findall(text) if not literal}
        return {*(named - variables.keys()), *references(variables)}
    inner = list(argument.values()) if isinstance(argument, dict) else argument
    if not isinstance(inner, list):
        return set()
    return {each for part in inner for each in references(part)}


def _is_reference(part: Any) -> bool:
    return intrinsic(part)[0] in {"Ref", "Fn::GetAtt", "Fn::ImportValue", "Fn::GetStackOutput"}


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(", ", ": "))
