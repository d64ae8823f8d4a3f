"""A stage whose secrets are rotated: entries, a database that signs, and what receivers may know of them."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bridge import secrets, signing
from bridge.errors import SignatureError
from rotate_secret import handler as rotate_secret
from rotate_secret.entry import Entry
from rotate_secret.vault import Vault
from tests.unit.aws import Context, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import pytest

    from tests.databases import Database

OLD = "A" * 64
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
BODY = '{"type": "order.created"}'


@dataclass
class Stage:
    """What a test does with it, for the API's entry unless told otherwise.

    Attributes:
        copies: values of the entry that receivers may still have in memory.
    """

    database: Database
    api: Secret
    edge: Secret
    copies: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def create(cls, database: Database) -> Stage:
        stage = cls(
            database,
            Secret.create_unique({"current": OLD, "previous": ""}, "webhook-signing"),
            Secret.create_unique({"current": OLD, "previous": ""}, "target-edge"),
        )
        stage.vault([OLD])
        stage.vault([OLD], target="edge")
        stage.copies = [stage.value()]
        return stage

    def invoke(self, event: Mapping[str, Any]) -> dict[str, str]:
        context: Any = Context()
        return rotate_secret.handler(dict(event), context)

    def take(self, step: str, token: str, secret: Secret | None = None) -> str:
        """Take a step as Secrets Manager asks for it."""
        entry = secret or self.api
        event = {"SecretId": entry.id, "ClientRequestToken": token, "Step": step}
        [done] = self.invoke(event).values()
        return done

    def rotate(self, secret: Secret | None = None, *, steps: tuple[str, ...] = STEPS) -> str:
        token = str(uuid4())
        for step in steps:
            self.take(step, token, secret)
        return token

    def look_after(self, *, end_overlap: bool = False, secret: Secret | None = None) -> str:
        name = (secret or self.api).id.rpartition("/")[2]
        return self.invoke({"entry": name, "end_overlap": end_overlap})[name]

    def value(self, secret: Secret | None = None, **version: str) -> dict[str, str]:
        """What the entry holds: in force, or of the version."""
        client = secrets.client()
        text = client.get_secret_value(SecretId=(secret or self.api).id, **version)["SecretString"]
        value: dict[str, str] = json.loads(text)
        return value

    def labels(self, secret: Secret | None = None) -> dict[str, list[str]]:
        found = secrets.client().describe_secret(SecretId=(secret or self.api).id)
        labels: dict[str, list[str]] = found["VersionIdsToStages"]
        return labels

    def set_end(self, at: datetime) -> None:
        """Let the overlap end then."""
        self.api.put(self.value() | {"previous_until": at.isoformat()})

    def vault(self, keys: list[str] | None = None, *, target: str | None = None) -> list[str]:
        """What the database signs with, or put there what it shall."""
        if keys is not None:
            self.database.execute("select bridge.set_signing_secret(%s, %s)", [" ".join(keys), target])
        return str(self.database.scalar("select bridge.signing_secret(%s)", [target])).split()

    def refused_by(self) -> list[dict[str, str]]:
        """Copies of the entry with which a receiver would refuse what the database signs now."""
        current = self.value()
        if current not in self.copies:
            self.copies.append(current)
        message_id, at = str(uuid4()), int(time.time())
        signature = self.database.scalar(
            "select bridge.sign(%s, %s, %s, bridge.signing_secret(null))", [message_id, at, BODY]
        )
        headers = {"webhook-id": message_id, "webhook-timestamp": str(at), "webhook-signature": signature}
        return [copy for copy in self.copies if not _accepts(copy, headers)]


class StoppedError(Exception):
    """What stops the function midway."""


@contextmanager
def interrupted(stage: Stage, monkeypatch: pytest.MonkeyPatch, *, after: int) -> Iterator[list[str]]:
    """Stop the function after so many calls to Secrets Manager and the database, and look after each of them.

    Yields:
        Where the calls are counted; shorter than `after` when the function came to its end.
    """
    made: list[str] = []

    def counted(do: Any) -> Any:
        def run(*arguments: Any, **options: Any) -> Any:
            if len(made) == after:
                raise StoppedError
            done = do(*arguments, **options)
            made.append("")
            assert stage.refused_by() == []
            return done

        return run

    with monkeypatch.context() as patched:
        patched.setattr(Entry, "_ask", counted(Entry._ask))  # noqa: SLF001 - all that leaves the function
        patched.setattr(Vault, "put", counted(Vault.put))
        with suppress(StoppedError):
            yield made
    assert stage.refused_by() == []


def _accepts(copy: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    known = [secret for secret in (copy["current"], copy["previous"]) if secret]
    try:
        signing.verify(BODY, headers, known)
    except SignatureError:
        return False
    return True
