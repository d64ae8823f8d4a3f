"""The vectors that everything which verifies passes: by the function that verifies, and over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import time_machine

from examples.shop.tests.edge.vercel_shop import Served
from tests.signatures import NOW, RECEIPTS, VERIFYING, Receipt, Verifying
from vercel_app.errors import SettingsError, SignatureError
from vercel_app.webhooks.signature import verify

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return {}


@pytest.fixture(scope="module")
def served(environment: dict[str, str]) -> Iterator[Served]:
    with Served(environment) as served:
        yield served


def accepts(vector: Verifying) -> bool:
    headers = {name.lower(): value for name, value in vector.headers.items()}
    try:
        verify(vector.body, headers, vector.secrets, NOW)
    except SignatureError:
        return False
    return True


@pytest.mark.parametrize("vector", VERIFYING, ids=lambda vector: vector.name)
def should_give_the_verdict_of_the_vector(vector: Verifying) -> None:
    assert accepts(vector) == vector.accepted


@pytest.mark.parametrize(
    "vector", [vector for vector in RECEIPTS if vector.target is None], ids=lambda vector: vector.name
)
def should_give_the_receipt_of_the_vector(vector: Receipt) -> None:
    attempt = verify(vector.body.encode(), vector.headers, vector.secrets, NOW)

    assert attempt.receipt() == vector.receipt
    assert "_key" not in repr(attempt)


def should_give_each_verdict_over_http(served: Served, environment: dict[str, str]) -> None:
    """Who is accepted learns that there is no such webhook."""
    statuses = {}
    with time_machine.travel(NOW, tick=False):
        for vector in VERIFYING:
            environment["WEBHOOK_SIGNING_SECRET"] = " ".join(vector.secrets)
            answer = served.client.post("/api/webhook/x", content=vector.body, headers=vector.headers)
            statuses[vector.name] = answer.status_code

    assert statuses == {vector.name: 404 if vector.accepted else 401 for vector in VERIFYING}


@pytest.mark.parametrize("times", [1, 2])
def should_take_a_signature_header_that_was_sent_twice(
    served: Served, environment: dict[str, str], times: int
) -> None:
    vector = VERIFYING[0]
    environment["WEBHOOK_SIGNING_SECRET"] = " ".join(vector.secrets)
    others = [("webhook-signature", f"v1,{'A' * 43}=")] * times

    with time_machine.travel(NOW, tick=False):
        answer = served.client.post(
            "/api/webhook/x", content=vector.body, headers=[*others, *vector.headers.items()]
        )

    assert answer.status_code == 404


def should_refuse_an_id_that_was_sent_twice(served: Served, environment: dict[str, str]) -> None:
    vector = VERIFYING[0]
    environment["WEBHOOK_SIGNING_SECRET"] = " ".join(vector.secrets)
    twice = [*vector.headers.items(), ("webhook-id", vector.headers["webhook-id"])]

    with time_machine.travel(NOW, tick=False):
        answer = served.client.post("/api/webhook/x", content=vector.body, headers=twice)

    assert answer.status_code == 401


@pytest.mark.parametrize("secret", ["whsec_", "short", "not base64!" * 4, "A" * 200])
def should_name_a_secret_that_cannot_verify_without_showing_it(secret: str) -> None:
    with pytest.raises(SettingsError) as raised:
        verify(b"", {}, [secret], NOW)

    assert str(raised.value) == "WEBHOOK_SIGNING_SECRET must be base64 of 24 to 64 bytes"
