"""Lambda's limit for environment variables, checked where it can still be explained."""

from collections.abc import Mapping

from aws_cdk import Stack

from stacks.errors import SettingsError

# "Environment variables: 4 KB, for all environment variables associated with the function, in aggregate":
# AWS Lambda developer guide, "Lambda quotas".
LIMIT = 4096
# The POWERTOOLS_ variables, and JSON's quotes.
_RESERVED = 256
# An unresolved reference: a queue's URL or a secret's ARN at its longest, in characters.
_REFERENCE = 160


def check_environment_size(environment: Mapping[str, str], *, stack: Stack, of: str, remedy: str) -> None:
    """Refuse an environment that Lambda would refuse in the middle of a deployment.

    Args:
        environment: the function's.
        stack: the function's.
        of: the function, in words.
        remedy: what makes it smaller.

    Raises:
        SettingsError: with the size, the limit, and what takes the most.
    """
    sizes = {name: len(name) + _size(stack, value) for name, value in environment.items()}
    if (total := sum(sizes.values()) + _RESERVED) > LIMIT:
        largest = max(sizes, key=sizes.__getitem__)
        raise SettingsError(
            f"the environment of {stack.stack_name}'s {of} needs about {total} bytes, {sizes[largest]} "
            f"of them for {largest}; Lambda allows {LIMIT}. {remedy}"
        )


def _size(stack: Stack, value: str) -> int:
    """Bytes, with every reference at its longest."""
    resolved = stack.resolve(value)
    parts = [resolved] if isinstance(resolved, str) or "Fn::Join" not in resolved else resolved["Fn::Join"][1]
    return sum(len(part.encode()) if isinstance(part, str) else _REFERENCE for part in parts)
