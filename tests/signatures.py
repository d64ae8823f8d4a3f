"""The vectors that everything which signs or verifies passes: tests/vectors/README.md."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

_DATA = json.loads((Path(__file__).parent / "vectors" / "signatures.json").read_text("utf-8"))
NOW: int = _DATA["now"]


@dataclass(frozen=True)
class Signing:
    """What is signed, and the webhook-signature that comes of it."""

    name: str
    secrets: list[str]
    id: str
    timestamp: int
    body: str
    signature: str


@dataclass(frozen=True)
class Verifying:
    """A request, the secrets that its receiver knows, and whether it must be accepted."""

    name: str
    secrets: list[str]
    headers: dict[str, str]
    body: bytes
    accepted: bool


@dataclass(frozen=True)
class Receipt:
    """A request, the secrets that its receiver knows, and the receipt that it must give."""

    name: str
    secrets: list[str]
    headers: dict[str, str]
    body: str
    target: str | None
    receipt: str


RECEIPTS = [Receipt(**vector) for vector in _DATA["receipts"]]
SIGNING = [Signing(**vector) for vector in _DATA["signing"]]
VERIFYING = [
    Verifying(
        name=vector["name"],
        secrets=vector["secrets"],
        headers=vector["headers"],
        body=base64.b64decode(vector["body_base64"]) if "body_base64" in vector else vector["body"].encode(),
        accepted=vector["verdict"] == "accepted",
    )
    for vector in _DATA["verifying"]
]
