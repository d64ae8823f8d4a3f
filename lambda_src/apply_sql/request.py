"""What CloudFormation asks of the custom resource."""

import json
from dataclasses import dataclass
from typing import Any, Literal, Self

PHYSICAL_ID = "supabase-bridge"
"""The same for ever: CloudFormation takes another one for a replacement and would delete the first."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A Create, Update or Delete of `Custom::SupabaseBridge`.

    Attributes:
        declaration: What `bridge.sync` takes.
        owner: Account/region/stack that this database is bridged by.
        adopt: The present owner that may be replaced, or None.
        ping_required: Whether a missing answer to `bridge.ping()` fails the deployment.
    """

    kind: Literal["Create", "Update", "Delete"]
    declaration: dict[str, Any]
    owner: str
    adopt: str | None
    ping_required: bool

    @property
    def http_targets(self) -> dict[str, bool]:
        """The declared targets that are posted to, by name: whether each is on the fast path."""
        targets = self.declaration.get("targets", [])
        return {t["name"]: t.get("fast_path", True) for t in targets if t["kind"] == "http"}

    @property
    def installed(self) -> tuple[str, dict[str, Any]]:
        """What `present` says once this request is applied."""
        return self.owner, self.declaration

    @classmethod
    def parse(cls, event: dict[str, Any]) -> Self:
        """Reads an event of CDK's provider framework; a missing property raises KeyError with its name."""
        properties = event["ResourceProperties"]
        return cls(
            kind=event["RequestType"],
            declaration=json.loads(properties["Declaration"]),
            owner=properties["Owner"],
            adopt=properties.get("Adopt") or None,
            ping_required=properties["Ping"] == "required",
        )
