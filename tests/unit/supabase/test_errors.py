"""What the REST client does when the answer is an error, late, or none at all."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from bridge import rest, secrets
from bridge.errors import (
    SettingsError,
    SupabaseConflictError,
    SupabaseError,
    SupabaseForbiddenError,
    SupabaseKeyError,
    SupabaseUnauthorizedError,
    SupabaseUnavailableError,
    UnfilledSecretError,
)
from bridge.failures import describe
from bridge.filters import eq
from bridge.supabase import Supabase
from tests.unit.gateway import Reply
from tests.unit.supabase.conftest import SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.aws import Secret
    from tests.unit.gateway import Gateway

FORMAT_ERROR = Reply(
    400,
    {"code": "22P02", "message": 'invalid input syntax: "hunter2"', "details": "Row: hunter2", "hint": None},
)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (409, {"code": "23505", "message": "duplicate key"}, SupabaseConflictError),
        (403, {"code": "42501", "message": "permission denied for table users"}, SupabaseForbiddenError),
        (401, {"code": "42501", "message": "permission denied for table users"}, SupabaseForbiddenError),
        (401, {"code": "PGRST301", "message": "wrong signature"}, SupabaseKeyError),
        (401, {"message": "Invalid authentication credentials"}, SupabaseKeyError),
        (401, b"Unauthorized", SupabaseKeyError),
        (403, b"RBAC: access denied", SupabaseKeyError),
        (500, {"code": "57014", "message": "canceling statement"}, SupabaseUnavailableError),
        (503, {"code": "PGRST002", "message": "no schema cache"}, SupabaseUnavailableError),
        (429, b"slow down", SupabaseUnavailableError),
        (400, {"code": "22P02", "message": "invalid input syntax"}, SupabaseError),
        (302, b"", SupabaseError),
        (463, b"", SupabaseError),
        (520, b"<html>", SupabaseUnavailableError),
        (500, b"<html>", SupabaseError),
        (400, [1], SupabaseError),
    ],
)
def should_tell_errors_apart(
    service: Supabase, gateway: Gateway, status: int, body: Any, kind: type[SupabaseError]
) -> None:
    gateway.will(*[Reply(status, body)] * 3)

    with pytest.raises(SupabaseError) as raised:
        service.insert("users", [{"email": "a"}])

    assert type(raised.value) is kind
    assert raised.value.status == status
    assert raised.value.code == (body.get("code", "") if isinstance(body, dict) else "")


def should_not_follow_a_redirect_with_the_key(service: Supabase, gateway: Gateway) -> None:
    gateway.will(Reply(307, b"", {"Location": f"{gateway.url}/elsewhere"}))

    with pytest.raises(SupabaseError, match="307: Temporary Redirect"):
        service.select("users")
    assert len(gateway.seen) == 1


def should_keep_rows_and_keys_out_of_what_is_logged(service: Supabase, gateway: Gateway) -> None:
    gateway.will(FORMAT_ERROR)

    with pytest.raises(SupabaseError) as raised:
        service.select("users")

    assert raised.value.details == "Row: hunter2"
    assert describe(raised.value)["code"] == "22P02"
    assert "hunter2" not in str(describe(raised.value))
    assert SECRET_KEY not in str(describe(raised.value))


READ: list[Callable[[Supabase], Any]] = [
    lambda client: client.select("users"),
    lambda client: client.delete("users", where=[eq("id", 1)]),
    lambda client: client.upsert("users", [{}], on_conflict="id"),
    lambda client: client.rpc("read", idempotent=True),
]
WRITE: list[Callable[[Supabase], Any]] = [
    lambda client: client.insert("users", [{}]),
    lambda client: client.update("users", {}, where=[eq("id", 1)]),
    lambda client: client.rpc("write"),
]


@pytest.mark.parametrize("ask", READ)
@pytest.mark.parametrize(
    "failure", [Reply(502), Reply(503), Reply(504), Reply(hang_up=True), Reply(body=b"[", cut=True)]
)
def should_ask_again_what_may_be_repeated(
    service: Supabase, gateway: Gateway, ask: Callable[[Supabase], Any], failure: Reply
) -> None:
    gateway.will(failure, failure)

    assert ask(service) == []
    assert len(gateway.seen) == 3


@pytest.mark.parametrize("ask", WRITE)
@pytest.mark.parametrize("failure", [Reply(503), Reply(hang_up=True)])
def should_not_repeat_what_may_have_taken_effect(
    service: Supabase, gateway: Gateway, ask: Callable[[Supabase], Any], failure: Reply
) -> None:
    gateway.will(failure)

    with pytest.raises(SupabaseUnavailableError):
        ask(service)
    assert len(gateway.seen) == 1


def should_give_up_after_three_attempts(service: Supabase, gateway: Gateway) -> None:
    gateway.will(*[Reply(503)] * 4)

    with pytest.raises(SupabaseUnavailableError, match="503: Service Unavailable"):
        service.select("users")
    assert len(gateway.seen) == 3


def should_wait_as_long_as_it_is_told(service: Supabase, service_secret: Secret, gateway: Gateway) -> None:
    gateway.will(Reply(503, headers={"Retry-After": "1"}))
    secrets.get(service_secret.id)
    began = time.monotonic()

    assert service.select("users") == []
    assert 1 <= time.monotonic() - began < 4


@pytest.mark.parametrize("header", ["30", "Wed, 21 Oct 2099 07:28:00 GMT"])
def should_not_wait_longer_than_it_has_time(
    service: Supabase, service_secret: Secret, gateway: Gateway, header: str
) -> None:
    gateway.will(Reply(503, headers={"Retry-After": header}))
    secrets.get(service_secret.id)
    began = time.monotonic()

    with pytest.raises(SupabaseUnavailableError):
        service.select("users")
    assert time.monotonic() - began < 4


def should_not_mind_a_header_that_makes_no_sense(service: Supabase, gateway: Gateway) -> None:
    gateway.will(Reply(503, headers={"Retry-After": "soon"}))

    assert service.select("users") == []


def should_stop_when_its_time_is_over(service_secret: Secret, gateway: Gateway) -> None:
    gateway.will(*[Reply(delay=5)] * 3)
    secrets.get(service_secret.id)
    began = time.monotonic()

    with pytest.raises(SupabaseUnavailableError, match=r"no answer from http://127.*Read timed out"):
        Supabase.service_role(timeout=0.3).select("users")
    assert time.monotonic() - began < 4


def should_stop_when_an_answer_trickles(service_secret: Secret, gateway: Gateway) -> None:
    gateway.will(Reply(body=[" " * 100], seconds_a_byte=0.1))
    secrets.get(service_secret.id)
    began = time.monotonic()

    with pytest.raises(SupabaseUnavailableError, match="no answer from http://127"):
        Supabase.service_role(timeout=2).select("users")
    assert time.monotonic() - began < 8


def should_stop_when_an_answer_begins_late_and_stalls(service_secret: Secret, gateway: Gateway) -> None:
    gateway.will(Reply(delay=3, body=[1], seconds_a_byte=20))
    secrets.get(service_secret.id)
    began = time.monotonic()

    with pytest.raises(SupabaseUnavailableError, match="no answer"):
        Supabase.service_role(timeout=4).rpc("write")
    assert time.monotonic() - began < 6


@pytest.mark.parametrize("ask", [READ[0], WRITE[0]])
def should_try_again_to_connect_and_then_say_who_does_not_answer(
    service: Supabase, service_secret: Secret, ask: Callable[[Supabase], Any]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        service_secret.put({"url": f"http://127.0.0.1:{taken.getsockname()[1]}", "service_role_key": "k"})
        with pytest.raises(SupabaseUnavailableError, match="Connection refused") as raised:
            ask(service)

    assert raised.value.status == 0


def should_use_a_new_connection_when_the_old_one_was_closed(
    service: Supabase, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.select("users")
    monkeypatch.setattr(rest, "MAX_IDLE_SECONDS", 0)

    service.insert("users", [{}])
    assert len(gateway.seen) == 2


def should_read_the_key_again_when_it_is_refused(
    service: Supabase, gateway: Gateway, service_secret: Secret
) -> None:
    service.select("users")
    service_secret.put({"url": gateway.url, "service_role_key": "sb_secret_new"})
    gateway.will(Reply(401, {"message": "Unauthorized"}))

    assert service.insert("users", [{}]) == []
    assert [seen.headers["apikey"] for seen in gateway.seen] == [SECRET_KEY, SECRET_KEY, "sb_secret_new"]


def should_take_a_key_and_an_address_with_white_space_around(
    service: Supabase, gateway: Gateway, service_secret: Secret
) -> None:
    service_secret.put({"url": f" {gateway.url}/\n", "service_role_key": f"{SECRET_KEY}\n"})

    assert service.select("users") == []
    assert gateway.seen[0].headers["apikey"] == SECRET_KEY


def should_not_tell_a_key_that_is_broken(service: Supabase, gateway: Gateway, service_secret: Secret) -> None:
    service_secret.put({"url": gateway.url, "service_role_key": "hunter2\nhunter2"})

    with pytest.raises(SupabaseKeyError, match="is no key: it is broken") as raised:
        service.select("users")
    assert "hunter2" not in str(raised.value)

    service_secret.put({"url": gateway.url, "service_role_key": SECRET_KEY})
    assert service.select("users") == []


def should_not_ask_again_with_the_same_key(service: Supabase, gateway: Gateway) -> None:
    gateway.will(*[Reply(401, {"message": "Unauthorized"})] * 2)

    with pytest.raises(SupabaseKeyError, match='401: "service_role_key" is not accepted: Unauthorized'):
        service.select("users")
    assert len(gateway.seen) == 1


def should_not_read_the_key_again_for_a_bad_token_of_a_user(
    user: Supabase, gateway: Gateway, user_secret: Secret
) -> None:
    user.select("users")
    user_secret.put({"url": gateway.url, "anon_key": "new"})
    gateway.will(Reply(401, {"code": "PGRST303", "message": "JWT expired"}))

    with pytest.raises(SupabaseUnauthorizedError):
        user.select("users")
    assert len(gateway.seen) == 2


def should_read_the_key_again_when_the_gateway_refuses_a_user(
    user: Supabase, gateway: Gateway, user_secret: Secret
) -> None:
    user.select("users")
    user_secret.put({"url": gateway.url, "anon_key": "new"})
    gateway.will(Reply(403, b"RBAC: access denied"))

    assert user.select("users") == []


def should_name_what_is_missing(
    service: Supabase, service_secret: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    service_secret.put({"url": "", "service_role_key": "k"})
    with pytest.raises(UnfilledSecretError, match='"url" of secret'):
        service.select("users")
    monkeypatch.delenv("SUPABASE_SERVICE_ROLE_SECRET_ID")
    with pytest.raises(SettingsError, match="SUPABASE_SERVICE_ROLE_SECRET_ID is not set"):
        service.select("users")
