"""Secrets Manager entries: JSON objects of strings, cached in the running function by their version."""

import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bridge import aws
from bridge.errors import SecretError, UnfilledSecretError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

LIFETIME_SECONDS = 300.0
_logger = logging.getLogger(__name__)
_PARTS = re.compile(r"external-compute/([^/]+)/([a-z-]+)")


@dataclass(frozen=True, slots=True)
class _Cached:
    fields: Mapping[str, str]
    version: str
    read_at: float


_cache: dict[str, _Cached] = {}


def client() -> "SecretsManagerClient":
    """Make the client, once; a function that wants it made while it starts calls this at import."""
    made: SecretsManagerClient = aws.client("secretsmanager")
    return made


def get(secret_id: str, *, max_age: float = LIFETIME_SECONDS) -> Mapping[str, str]:
    """Read an entry, or return the copy in memory.

    Args:
        secret_id: the entry's name or ARN.
        max_age: seconds after which the copy in memory is read again.

    Returns:
        The entry's members.

    Raises:
        UnfilledSecretError: the entry has no value yet.
        SecretError: the entry cannot be read and there is no copy, or it is not a JSON object of strings.
    """
    cached = _cache.get(secret_id)
    if cached and 0 <= time.time() - cached.read_at < max_age:
        return cached.fields
    try:
        read = _read(secret_id, cached)
    except SecretError as error:
        if cached is None:
            raise
        _logger.warning("%s; the copy in memory is used", error)
        # An outage of Secrets Manager mustn't stop deliveries; ask again only after another max_age.
        read = replace(cached, read_at=time.time())
    _cache[secret_id] = read
    return read.fields


def refresh(secret_id: str) -> Mapping[str, str]:
    """Read an entry again, whatever the age of the copy in memory; otherwise like get.

    For whoever was refused with what the copy says. The very same object comes back while the entry's
    version is the same.
    """
    return get(secret_id, max_age=0)


def field(secret_id: str, name: str) -> str:
    """Return one member of an entry, which must be filled.

    Raises:
        UnfilledSecretError: the member is missing or empty.
        SecretError: the entry cannot be read.
    """
    value = get(secret_id).get(name)
    if not value:
        raise UnfilledSecretError(f'"{name}" of secret {_name(secret_id)} is empty: {_remedy(secret_id)}')
    return value


def forget() -> None:
    """Empty the cache."""
    _cache.clear()


def _read(secret_id: str, cached: _Cached | None) -> _Cached:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        found = client().get_secret_value(SecretId=secret_id)
        text, version = found["SecretString"], found["VersionId"]
    except (client().exceptions.ResourceNotFoundException, KeyError):
        raise UnfilledSecretError(f"secret {_name(secret_id)} has no value: {_remedy(secret_id)}") from None
    except ClientError as error:
        raise SecretError(
            f"secret {_name(secret_id)} cannot be read: {error.response['Error']['Code']}"
        ) from None
    except BotoCoreError as error:
        raise SecretError(f"secret {_name(secret_id)} cannot be read: {type(error).__name__}") from None
    fields = cached.fields if cached and cached.version == version else _parse(secret_id, text)
    return _Cached(fields, version, time.time())


def _parse(secret_id: str, text: str) -> Mapping[str, str]:
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise SecretError(
            f"secret {_name(secret_id)} is not a JSON object of strings: {_remedy(secret_id)}"
        ) from None
    return fields


def _name(secret_id: str) -> str:
    return f'"{secret_id}"'


def _remedy(secret_id: str) -> str:
    parts = _PARTS.search(secret_id)
    stage, entry = parts.groups() if parts else ("<stage>", "")
    if entry.startswith(("webhook-signing", "target-")):
        return f'"cdk deploy external-compute-{stage}-secrets" makes it'
    return f'fill it with "make secrets STAGE={stage} ENV_FILE=<your .env>"'
