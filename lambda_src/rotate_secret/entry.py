"""A Secrets Manager entry and its versions, as rotation changes them.

Labels tell versions apart: AWSCURRENT is in force, AWSPENDING is to be. Two more are the bridge's own:
SUCCESSOR while a version is made outside a rotation, and ON_PLATFORM for what sync_platform has written last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from bridge import secrets
from bridge.errors import SecretError
from rotate_secret.errors import VersionError
from rotate_secret.signing import Signing

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
SUCCESSOR, ON_PLATFORM = "SUCCESSOR", "ON_PLATFORM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """An entry's versions at one moment.

    Attributes:
        labels: of each version, by its id.
        changed_at: when any of this was changed last.
    """

    labels: Mapping[str, frozenset[str]]
    changed_at: datetime

    def labelled(self, label: str) -> str | None:
        """The id of the version that has a label."""
        return next((version for version, labels in self.labels.items() if label in labels), None)

    def has(self, version: str, label: str) -> bool:
        return label in self.labels.get(version, ())

    @property
    def pending(self) -> list[str]:
        """Ids of versions that may come into force. In AWS it is one at most."""
        return [
            version for version, labels in self.labels.items() if PENDING in labels and CURRENT not in labels
        ]


class Entry:
    """One entry; every method raises SecretError when Secrets Manager refuses or can't be reached.

    Args:
        secret_id: its name.
    """

    def __init__(self, secret_id: str) -> None:
        self.secret_id = secret_id

    def versions(self) -> Versions:
        found = self._ask("describe_secret")
        labels = {version: frozenset(names) for version, names in found["VersionIdsToStages"].items()}
        return Versions(labels=labels, changed_at=found["LastChangedDate"])

    def current(self, versions: Versions) -> tuple[str, Signing]:
        """Return the version in force and its value.

        Raises:
            VersionError: there is none, or it holds no signing secret.
        """
        version = versions.labelled(CURRENT)
        value = self.value(version) if version else None
        if version is None or value is None:
            stage = self.secret_id.split("/")[1] if self.secret_id.count("/") > 1 else "<stage>"
            raise VersionError(
                f'secret "{self.secret_id}" has no value:'
                f' "cdk deploy external-compute-{stage}-secrets" makes it'
            )
        return version, value

    def value(self, version: str) -> Signing | None:
        """Return what a version holds; None if it doesn't exist or was never filled.

        Raises:
            VersionError: it holds no signing secret.
        """
        try:
            found = self._ask("get_secret_value", VersionId=version)
        except _NotFoundError:
            return None
        text = found.get("SecretString")
        return Signing.parse(self.secret_id, text) if text else None

    def add_pending(self, version: str, value: Signing) -> None:
        """Make the version that is to come into force."""
        self._ask(
            "put_secret_value", ClientRequestToken=version, SecretString=value.text, VersionStages=[PENDING]
        )

    def replace(self, version: str, value: Signing) -> str:
        """Put another value in the place of the version in force, and return its version.

        Raises:
            VersionError: that version is no longer in force: a rotation came between, and nothing was done.
        """
        # Not AWSCURRENT at once: that would take it from whatever has it by now.
        successor = str(uuid4())
        self._ask(
            "put_secret_value",
            ClientRequestToken=successor,
            SecretString=value.text,
            VersionStages=[SUCCESSOR],
        )
        self.promote(successor, instead_of=version)
        return successor

    def promote(self, version: str, *, instead_of: str) -> None:
        """Let a version come into force.

        Raises:
            VersionError: the other one is no longer in force.
        """
        try:
            self.move(CURRENT, to=version, away_from=instead_of)
        except SecretError as error:
            found = self.versions().labelled(CURRENT)
            if found == version:
                # Sent twice, because the first answer was lost.
                return
            if found == instead_of:
                raise
            raise VersionError(
                f'secret "{self.secret_id}" was changed meanwhile: what is in force now stays so'
            ) from error

    def move(self, label: str, *, to: str | None, away_from: str | None) -> None:
        """Put a label on a version, take it off one, or both at once."""
        versions = {"MoveToVersionId": to, "RemoveFromVersionId": away_from}
        self._ask(
            "update_secret_version_stage",
            VersionStage=label,
            **{name: version for name, version in versions.items() if version},
        )

    def _ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        client = secrets.client()
        try:
            answer: dict[str, Any] = getattr(client, operation)(SecretId=self.secret_id, **parameters)
        except client.exceptions.ResourceNotFoundException:
            raise _NotFoundError(
                f'secret "{self.secret_id}", or that version of it, does not exist'
            ) from None
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise SecretError(f'secret "{self.secret_id}": {operation} failed: {code}') from None
        except BotoCoreError as error:
            reason = type(error).__name__
            raise SecretError(f'secret "{self.secret_id}": {operation} failed: {reason}') from None
        return answer


class _NotFoundError(SecretError):
    """The entry or its version."""
