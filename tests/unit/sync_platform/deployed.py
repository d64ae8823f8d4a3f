"""The function as the deployment sets it up, and what CloudFormation, or a person, sends it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aws_lambda_powertools import Logger

from bridge import secrets
from sync_platform import handler as sync_platform
from tests.unit.aws import Context, Secret
from tests.unit.sync_platform import cloudflare, vercel

if TYPE_CHECKING:
    import pytest

ADDRESS = "https://cloudformation-answers.example.com/?signature=private"
VARIABLES = ["WEBHOOK_SIGNING_SECRET", "SUPABASE_URL", "SUPABASE_ANON_KEY"]
URL = "https://supabase.example.com"
ANON_KEY = "anon-key-0123456789"
FIRST, SECOND = "A" * 64, "B" * 64
VALUES = {"WEBHOOK_SIGNING_SECRET": f"whsec_{FIRST}", "SUPABASE_URL": URL, "SUPABASE_ANON_KEY": ANON_KEY}
SENSITIVE = (cloudflare.TOKEN, vercel.TOKEN, FIRST, SECOND, ANON_KEY, "private")


@dataclass
class Deployed:
    """The function, its entries, and the resources that CloudFormation has of it."""

    monkeypatch: pytest.MonkeyPatch
    supabase: Secret
    cloudflare: Secret
    vercel: Secret
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    log: io.StringIO = field(default_factory=io.StringIO)
    seconds: float = 60

    @classmethod
    def create(cls, monkeypatch: pytest.MonkeyPatch) -> Deployed:
        prefix = f"external-compute/test{uuid4().hex[:8]}"
        deployed = cls(
            monkeypatch,
            entry(f"{prefix}/supabase", {"url": URL, "anon_key": ANON_KEY}),
            entry(f"{prefix}/cloudflare", {"api_token": cloudflare.TOKEN}),
            entry(f"{prefix}/vercel", {"api_token": vercel.TOKEN}),
        )
        for name in ("supabase", "cloudflare", "vercel"):
            monkeypatch.setenv(f"{name.upper()}_SECRET_ID", getattr(deployed, name).id)
        # Powertools keeps a logger, and its stream, for each name.
        logger = Logger(service=f"sync_platform_{uuid4().hex}", level="DEBUG", stream=deployed.log)
        monkeypatch.setattr(sync_platform, "_logger", logger)
        deployed.declare()
        return deployed

    def signing(self, name: str) -> Secret:
        return Secret(self.targets[name]["SecretId"])

    def worker(
        self, name: str = "remote_worker", script: str = "shop-prod", **changed: Any
    ) -> dict[str, Any]:
        """Declare a target on Cloudflare; returns its resource's properties."""
        place = {"Platform": "cloudflare", "AccountId": cloudflare.ACCOUNT, "Script": script}
        return self.declare(name, place | changed)

    def project(
        self, name: str = "remote_app", project: str = "shop", *environments: str, redeploy: bool = False
    ) -> dict[str, Any]:
        """Declare a target on Vercel; returns its resource's properties."""
        place = {
            "Platform": "vercel",
            "Project": project,
            "Team": vercel.TEAM,
            "Environments": list(environments or ("production",)),
            # As CloudFormation has a boolean.
            "Redeploy": str(redeploy).lower(),
        }
        return self.declare(name, place)

    def declare(self, name: str = "", place: dict[str, Any] | None = None) -> dict[str, Any]:
        if place is not None:
            known = self.targets.get(name)
            secret_id = known["SecretId"] if known else self._signing_secret(name)
            self.targets[name] = {"Target": name, "SecretId": secret_id, "Variables": VARIABLES, **place}
        self.monkeypatch.setenv("TARGETS", json.dumps(list(self.targets.values())))
        sync_platform.settings.cache_clear()
        return self.targets.get(name, {})

    def withdraw(self, name: str) -> dict[str, Any]:
        """Take a target out of bridge.toml; returns its resource's properties."""
        properties = self.targets.pop(name)
        self.declare()
        return properties

    def create_resource(self, name: str) -> dict[str, Any]:
        return self._sent("Create", self.targets[name])

    def update_resource(self, name: str) -> dict[str, Any]:
        return self._sent("Update", self.targets[name])

    def delete_resource(self, properties: dict[str, Any], physical_id: str = "") -> dict[str, Any]:
        return self._sent("Delete", properties, physical_id)

    def invoke(self, event: dict[str, Any] | None = None) -> dict[str, Any]:
        context: Any = Context(remaining_ms=int(self.seconds * 1000))
        return sync_platform.handler(event or {}, context)

    def _sent(self, kind: str, properties: dict[str, Any], physical_id: str = "") -> dict[str, Any]:
        name = properties["Target"]
        event = {"RequestType": kind, "ResponseURL": ADDRESS, "ResourceProperties": properties}
        if kind != "Create":
            event["PhysicalResourceId"] = physical_id or self.ids[name]
        answer = self.invoke(event)
        if kind != "Delete":
            self.ids[name] = answer["PhysicalResourceId"]
        data: dict[str, Any] = answer["Data"]
        return data

    def _signing_secret(self, name: str) -> str:
        prefix = self.supabase.id.rpartition("/")[0]
        return entry(f"{prefix}/target-{name.replace('_', '-')}", {"current": FIRST, "previous": ""}).id


def entry(name: str, members: dict[str, str]) -> Secret:
    """Make an entry, with the client that the function uses."""
    secrets.client().create_secret(Name=name, SecretString=json.dumps(members))
    return Secret(name)
