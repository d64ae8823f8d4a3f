"""The REST client: who it is, and what it asks."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import SupabaseError
from bridge.filters import eq, gt, is_in, is_not_null, is_null, like, lte, neq
from bridge.supabase import Supabase
from tests.unit.gateway import Reply
from tests.unit.supabase.conftest import PUBLISHABLE_KEY, SECRET_KEY, USER

if TYPE_CHECKING:
    from tests.unit.aws import Secret
    from tests.unit.gateway import Gateway

LEGACY = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl"


def should_send_a_newer_key_as_apikey_only(service: Supabase, gateway: Gateway) -> None:
    service.select("users")

    assert gateway.seen[0].headers["apikey"] == SECRET_KEY
    assert "authorization" not in gateway.seen[0].headers


def should_send_an_older_key_as_token_too(
    service: Supabase, gateway: Gateway, service_secret: Secret
) -> None:
    service_secret.put({"url": gateway.url, "service_role_key": LEGACY})
    service.select("users")

    assert gateway.seen[0].headers["apikey"] == LEGACY
    assert gateway.seen[0].headers["authorization"] == f"Bearer {LEGACY}"


def should_pass_on_the_token_of_the_user(user: Supabase, gateway: Gateway) -> None:
    user.select("users")

    assert gateway.seen[0].headers["apikey"] == PUBLISHABLE_KEY
    assert gateway.seen[0].headers["authorization"] == f"Bearer {USER}"


@pytest.mark.usefixtures("user_secret")
def should_ask_without_a_token_as_nobody(gateway: Gateway) -> None:
    Supabase.anonymous().select("users")

    assert "authorization" not in gateway.seen[0].headers


def should_select_with_conditions(service: Supabase, gateway: Gateway) -> None:
    where = [
        eq("name", "O'Neil & co. +100%"),
        neq("active", True),  # noqa: FBT003
        gt("created_at", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        lte("total", Decimal("0.10")),
        is_in("id", [1, 'a,"b"', "c\\d", UUID(int=7)]),
        like("email", "*@example.com"),
        is_null("deleted_at"),
        is_not_null("id"),
    ]
    service.select("users", columns="id,name", where=where, order="id.desc", limit=3)

    assert gateway.seen[0].method == "GET"
    assert gateway.seen[0].path == "/rest/v1/users"
    assert gateway.seen[0].query == [
        ("select", "id,name"),
        ("name", "eq.O'Neil & co. +100%"),
        ("active", "neq.true"),
        ("created_at", "gt.2026-01-02T03:04:05+00:00"),
        ("total", "lte.0.10"),
        ("id", r'in.("1","a,\"b\"","c\\d","00000000-0000-0000-0000-000000000007")'),
        ("email", "like.*@example.com"),
        ("deleted_at", "is.null"),
        ("id", "not.is.null"),
        ("order", "id.desc"),
        ("limit", "3"),
    ]


@given(value=st.text(st.characters(exclude_categories=["Cs"])))
def should_keep_any_text_within_its_condition(value: str) -> None:
    assert eq("name", value).condition == f"eq.{value}"
    inner = is_in("name", [value]).condition.removeprefix('in.("').removesuffix('")')
    assert inner.replace('\\"', "").replace("\\\\", "").count('"') == 0


@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def should_refuse_to_compare_with_what_is_no_value(value: Any) -> None:
    with pytest.raises(TypeError, match="see is_null, is_in"):
        eq("id", value)


def should_read_numbers_exactly(service: Supabase, gateway: Gateway) -> None:
    gateway.will(Reply(body=b'[{"total": 0.1000000000000000000001}]'))

    assert service.select("orders") == [{"total": Decimal("0.1000000000000000000001")}]


@pytest.mark.parametrize(("rows", "found"), [([], None), ([{"id": 1}], {"id": 1})])
def should_read_a_single_row(service: Supabase, gateway: Gateway, rows: Any, found: Any) -> None:
    gateway.will(Reply(body=rows))

    assert service.single("users", where=[eq("id", 1)]) == found


def should_refuse_to_choose_among_several_rows(service: Supabase, gateway: Gateway) -> None:
    gateway.will(Reply(body=[{"id": 1}, {"id": 2}]))

    with pytest.raises(SupabaseError, match='PGRST116: several rows of "users"'):
        service.single("users", where=[eq("id", 1)])


def should_insert_and_return_rows(service: Supabase, gateway: Gateway) -> None:
    gateway.will(Reply(201, [{"id": 1, "total": 1}]))

    assert service.insert("orders", [{"total": Decimal("1.00")}], columns="id,total") == [
        {"id": 1, "total": 1}
    ]
    assert (gateway.seen[0].method, gateway.seen[0].body) == ("POST", [{"total": "1.00"}])
    assert gateway.seen[0].headers["prefer"] == "return=representation"


def should_upsert_by_the_given_columns(service: Supabase, gateway: Gateway) -> None:
    service.upsert("users", [{"email": "a"}], on_conflict="email")

    assert ("on_conflict", "email") in gateway.seen[0].query
    assert gateway.seen[0].headers["prefer"] == "resolution=merge-duplicates,return=representation"


def should_change_the_rows_that_fulfil_a_condition(service: Supabase, gateway: Gateway) -> None:
    service.update("users", {"name": "b"}, where=[eq("id", 1)])
    service.delete("users", where=[eq("id", 1)])

    assert [(seen.method, seen.query) for seen in gateway.seen] == [
        ("PATCH", [("select", "*"), ("id", "eq.1")]),
        ("DELETE", [("select", "*"), ("id", "eq.1")]),
    ]


def should_not_change_every_row_by_mistake(service: Supabase, gateway: Gateway) -> None:
    with pytest.raises(ValueError, match="name a condition"):
        service.update("users", {"name": "b"}, where=[])
    with pytest.raises(ValueError, match="name a condition"):
        service.delete("users", where=[])

    assert gateway.seen == []


def should_call_a_function(service: Supabase, gateway: Gateway) -> None:
    gateway.will(Reply(body=3))

    assert service.rpc("add", {"a": 1, "b": 2}) == 3
    assert (gateway.seen[0].path, gateway.seen[0].body) == ("/rest/v1/rpc/add", {"a": 1, "b": 2})


def should_return_nothing_for_an_answer_without_a_body(service: Supabase, gateway: Gateway) -> None:
    gateway.will(Reply(204, b""))

    assert service.rpc("void") is None
