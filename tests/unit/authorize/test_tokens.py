"""A token passes when its key, time, issuer, audience and role are right."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from authorize.settings import Settings
from bridge.errors import SettingsError
from tests.unit.authorize.conftest import forget
from tests.unit.authorize.issuer import ABSENT, SECRET, SUBJECT

if TYPE_CHECKING:
    from tests.unit.authorize.conftest import Authorizer
    from tests.unit.authorize.issuer import Issuer, SigningKey

USERS = "POST /users"


@pytest.fixture(params=["HS256", "ES256", "RS256"])
def key(request: pytest.FixtureRequest, keys: dict[str, SigningKey | str]) -> SigningKey | str:
    return keys[request.param]


def should_tell_the_function_who_is_calling(
    authorize: Authorizer, issuer: Issuer, key: SigningKey | str
) -> None:
    context = authorize.context(issuer.token(key, app_metadata={"plan": "ä"}))

    claims = json.loads(context.pop("claims"))
    assert context == {"role": "authenticated", "subject": SUBJECT, "expires_at": str(claims["exp"])}
    assert claims["app_metadata"] == {"plan": "ä"}
    assert claims["iss"] == f"{issuer.url}/auth/v1"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def should_take_the_scheme_in_any_case(authorize: Authorizer, issuer: Issuer, scheme: str) -> None:
    assert authorize.send(f"{scheme} {issuer.token()}")["isAuthorized"]


@pytest.mark.parametrize("scheme", ["", "Basic ", "Bearer", "Bearertoken "])
def should_refuse_another_scheme(authorize: Authorizer, issuer: Issuer, scheme: str) -> None:
    assert authorize.send(f"{scheme}{issuer.token()}") == {"isAuthorized": False}


@pytest.mark.parametrize("audience", ["authenticated", ["other", "authenticated"]])
def should_accept_a_token_for_this_audience_among_others(
    authorize: Authorizer, issuer: Issuer, audience: str | list[str]
) -> None:
    assert authorize.allows(issuer.token(aud=audience))


@pytest.mark.parametrize("path", ["", "/auth/v1"])
def should_accept_the_issuers_of_supabase_by_default(
    authorize: Authorizer, issuer: Issuer, path: str
) -> None:
    assert authorize.allows(issuer.token(iss=f"{issuer.url}{path}"))


def should_accept_the_issuers_of_the_settings_alone(
    authorize: Authorizer, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_ISSUERS", '["https://a.example/", "https://b.example"]')
    forget()

    assert authorize.allows(issuer.token(iss="https://a.example/"))
    assert authorize.allows(issuer.token(iss="https://b.example"))
    assert authorize.refusal(issuer.token(iss="https://a.example")) == "issuer"
    assert authorize.refusal(issuer.token()) == "issuer"


def should_need_no_url_where_the_settings_say_all(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    authorize.secret.put({"url": "", "jwt_secret": SECRET})
    monkeypatch.setenv("TOKEN_ISSUERS", json.dumps([f"{issuer.url}/auth/v1"]))
    monkeypatch.setenv("JWKS_URL", f"{issuer.url}/keys")
    forget()

    assert authorize.allows(issuer.token())
    assert authorize.allows(issuer.token(ec_key))
    assert [request.path for request in issuer.seen] == ["/keys"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"exp": -31}, "expired"),
        ({"nbf": 60}, "not_yet_valid"),
        ({"iat": 60}, "not_yet_valid"),
        ({"exp": ABSENT}, "claims"),
        ({"exp": None}, "claims"),
        ({"exp": "soon"}, "malformed"),
        ({"exp": float("inf")}, "malformed"),
        ({"aud": "anon"}, "audience"),
        ({"aud": ABSENT}, "audience"),
        ({"aud": 5}, "audience"),
        ({"aud": {"authenticated": True}}, "audience"),
        ({"iss": "https://elsewhere.example/auth/v1"}, "issuer"),
        ({"iss": "supabase"}, "issuer"),
        ({"iss": ABSENT}, "issuer"),
        ({"role": ABSENT}, "role"),
        ({"role": ""}, "role"),
        ({"role": 1}, "role"),
        ({"role": ["authenticated"]}, "role"),
        ({"sub": ABSENT}, "subject"),
        ({"sub": ""}, "subject"),
        ({"sub": 5}, "subject"),
    ],
)
def should_refuse_claims_that_are_not_right(
    authorize: Authorizer, issuer: Issuer, changed: dict[str, Any], reason: str
) -> None:
    for name in ("exp", "nbf", "iat"):
        if isinstance(changed.get(name), int):
            changed = {name: int(time.time()) + changed[name]}

    assert authorize.refusal(issuer.token(**changed)) == reason


@pytest.mark.parametrize(("name", "seconds"), [("exp", -20), ("nbf", 20), ("iat", 20)])
def should_allow_for_clocks_that_differ(
    authorize: Authorizer, issuer: Issuer, name: str, seconds: int
) -> None:
    assert authorize.allows(issuer.token(**{name: int(time.time()) + seconds}))


@pytest.mark.parametrize("role", ["service_role", "anon"])
@pytest.mark.parametrize("iss", ["supabase", "supabase-demo"])
def should_accept_an_api_key_of_the_old_form(
    authorize: Authorizer, issuer: Issuer, role: str, iss: str
) -> None:
    context = authorize.context(issuer.api_key(role, iss=iss), route=USERS)

    assert (context["role"], context["subject"]) == (role, "")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": ABSENT}, "issuer"),
        ({"iss": "https://elsewhere.example"}, "issuer"),
        ({"aud": "other"}, "audience"),
        ({"aud": None}, "audience"),
        ({"exp": ABSENT}, "claims"),
        ({"role": "postgres"}, "issuer"),
        ({"role": "authenticated", "sub": SUBJECT}, "issuer"),
    ],
)
def should_refuse_an_api_key_that_is_none(
    authorize: Authorizer, issuer: Issuer, changed: dict[str, Any], reason: str
) -> None:
    assert authorize.refusal(issuer.api_key("service_role", **changed), route=USERS) == reason


def should_accept_an_api_key_by_a_signing_key(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    token = issuer.token(ec_key, role="service_role", iss="supabase", aud=ABSENT, sub=ABSENT)

    assert authorize.allows(token, route=USERS)


def should_take_an_address_with_a_slash_at_its_end(
    authorize: Authorizer, issuer: Issuer, ec_key: SigningKey
) -> None:
    authorize.secret.put({"url": f"{issuer.url}/", "jwt_secret": SECRET})
    forget()

    assert authorize.allows(issuer.token())
    assert authorize.allows(issuer.token(ec_key))


def should_let_a_role_in_where_the_route_takes_it(authorize: Authorizer, issuer: Issuer) -> None:
    assert authorize.refusal(issuer.token(), route=USERS) == "role"
    assert authorize.refusal(issuer.api_key("service_role")) == "role"


@pytest.mark.parametrize("route", ["DELETE /orders", "$default", "GET /orders/"])
def should_refuse_a_route_that_is_not_listed(authorize: Authorizer, issuer: Issuer, route: str) -> None:
    assert authorize.refusal(issuer.token(), route=route) == "route"


def should_count_each_outcome(authorize: Authorizer, issuer: Issuer) -> None:
    authorize.allows(issuer.token())
    authorize.allows("no token")

    allowed, denied = authorize.lines()
    for line, metric in ((allowed, "RequestAllowed"), (denied, "RequestDenied")):
        [published] = line["_aws"]["CloudWatchMetrics"]
        assert published == {
            "Namespace": "ExternalCompute/test",
            "Dimensions": [["function"]],
            "Metrics": [{"Name": metric, "Unit": "Count"}],
        }
        assert (line["function"], line[metric]) == ("authorize", 1)
        assert abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 60
        assert (line["route"], line["request_id"]) == ("GET /orders", "request-1")
    assert (allowed["role"], allowed["subject"]) == ("authenticated", SUBJECT)
    assert denied["reason"] == "malformed"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ROUTES", "[]", "ROUTES must be a JSON object"),
        ("ROUTES", '{"GET /a": []}', '"GET /a" must have a list of one or more roles'),
        ("ROUTES", '{"GET /a": "anon"}', '"GET /a" must have a list of one or more roles'),
        ("TOKEN_ISSUERS", "", "TOKEN_ISSUERS is not set"),
        ("TOKEN_AUDIENCE", "", "TOKEN_AUDIENCE is not set"),
        ("SUPABASE_JWT_SECRET_ID", "", "SUPABASE_JWT_SECRET_ID is not set"),
    ],
)
def should_name_a_setting_that_is_wrong(name: str, value: str, message: str) -> None:
    environment = {
        "SUPABASE_JWT_SECRET_ID": "secret",
        "TOKEN_AUDIENCE": "authenticated",
        "TOKEN_ISSUERS": "[]",
        "ROUTES": "{}",
        "POWERTOOLS_SERVICE_NAME": "authorize",
        "POWERTOOLS_METRICS_NAMESPACE": "test",
    }

    with pytest.raises(SettingsError, match=message):
        Settings.from_environment(environment | {name: value})
