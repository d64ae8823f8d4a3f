"""The shared secret of HS256: missing, too short, rotated, forged, and another stage's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge import secrets
from bridge.errors import SecretError
from tests.unit.authorize.conftest import forget
from tests.unit.authorize.issuer import SECRET
from tests.unit.aws import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.authorize.conftest import Authorizer
    from tests.unit.authorize.issuer import Issuer


def should_decide_nothing_without_the_secret(
    authorize: Authorizer, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_JWT_SECRET_ID", "external-compute/test/absent")
    forget()

    with pytest.raises(SecretError, match="external-compute/test/absent"):
        authorize.send(f"Bearer {issuer.token()}")

    [line] = authorize.lines()
    assert (line["message"], line["RequestUndecided"], line["error"]) == (
        "request undecided",
        1,
        "UnfilledSecretError",
    )


@pytest.mark.parametrize("short", ["short", "x" * 31])
def should_decide_nothing_by_a_secret_that_can_be_guessed(
    authorize: Authorizer, issuer: Issuer, short: str
) -> None:
    authorize.secret.put({"url": issuer.url, "jwt_secret": short})

    with (
        pytest.warns(match="below the minimum"),
        pytest.raises(SecretError, match=r'"jwt_secret" of secret .* is no secret of HS256') as raised,
    ):
        authorize.send(f"Bearer {issuer.token(short)}")
    assert short not in str(raised.value).replace("is no secret", "")


def should_accept_a_rotated_secret_at_once(authorize: Authorizer, issuer: Issuer) -> None:
    rotated = "another-shared-secret-of-thirty-two-characters"
    assert authorize.allows(issuer.token())
    authorize.secret.put({"url": issuer.url, "jwt_secret": rotated})

    assert authorize.allows(issuer.token(rotated))
    assert authorize.refusal(issuer.token()) == "signature"


def should_accept_a_first_secret_at_once(authorize: Authorizer, issuer: Issuer) -> None:
    authorize.secret.put({"url": issuer.url, "jwt_secret": ""})
    assert authorize.refusal(issuer.token()) == "signature"

    authorize.secret.put({"url": issuer.url, "jwt_secret": SECRET})
    assert authorize.refusal(issuer.token()) == "signature"
    authorize.clock.offset = 31
    assert authorize.allows(issuer.token())


def should_not_read_the_secret_for_each_forged_token(
    authorize: Authorizer, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    read = secrets.refresh

    def refresh(name: str) -> Mapping[str, str]:
        reads.append(name)
        return read(name)

    monkeypatch.setattr(secrets, "refresh", refresh)
    forged = issuer.token("somebody-else's-secret-of-thirty-two-characters")

    for _ in range(20):
        assert authorize.refusal(forged) == "signature"
    assert len(reads) == 1

    authorize.clock.offset = 31
    assert authorize.refusal(forged) == "signature"
    assert len(reads) == 2


def should_never_take_another_stages_secret(authorize: Authorizer, issuer: Issuer) -> None:
    other = "the-secret-of-another-supabase-with-32-characters"
    Secret.create_unique({"url": issuer.url, "jwt_secret": other}, "supabase-jwt")

    assert authorize.refusal(issuer.token(other)) == "signature"
