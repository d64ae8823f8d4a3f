"""Which triggers a change of the declaration creates, drops and writes anew."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.databases import declaration as declared
from tests.databases import webhook
from tests.unit.review.templates import get, resource, stage
from tools.review.assembly import BRIDGE
from tools.review.declaration import Declaration, Setting, addresses, read_declaration, settings_changed
from tools.review.errors import ReviewError
from tools.review.triggers import Action, Step, plan

CREATED = webhook(name="order.created", table="public.orders", operations=["insert"])


def declaration(*webhooks: dict[str, Any], targets: tuple[dict[str, Any], ...] = ()) -> Declaration:
    return Declaration(content=declared(list(webhooks), targets))


def steps(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[Step]:
    return plan(declaration(*before), declaration(*after))


def actions(before: dict[str, Any], after: dict[str, Any]) -> list[Action]:
    return [step.action for step in steps([before], [after])]


def should_create_one_for_each_operation() -> None:
    found = steps([], [CREATED | {"operations": ["insert", "update", "delete"]}])
    assert [(step.action, step.trigger.name) for step in found] == [
        (Action.CREATED, "bridge_order.created_delete"),
        (Action.CREATED, "bridge_order.created_insert"),
        (Action.CREATED, "bridge_order.created_update"),
    ]
    assert {step.action.lock for step in found} == {"SHARE ROW EXCLUSIVE"}


def should_drop_what_is_declared_no_more() -> None:
    [step] = steps([CREATED], [])
    assert step.statement == 'drop trigger "bridge_order.created_insert" on public.orders'
    assert step.action.lock == "ACCESS EXCLUSIVE"


def should_drop_before_it_creates_where_the_table_changes() -> None:
    found = steps([CREATED], [CREATED | {"table": "public.invoices"}])
    assert [(step.action, step.trigger.table) for step in found] == [
        (Action.DROPPED, "public.orders"),
        (Action.CREATED, "public.invoices"),
    ]


@pytest.mark.parametrize(
    "change", [{"columns": ["total"]}, {"when": "new.total > 0"}, {"ordered": True}], ids=str
)
def should_write_a_function_anew_for_what_it_is_made_of(change: dict[str, Any]) -> None:
    [step] = steps([CREATED], [CREATED | change])
    assert (step.action, step.changed) == (Action.CHANGED, tuple(change))
    assert step.action.lock == "none"


@pytest.mark.parametrize(
    "change", [{"targets": ["other"]}, {"enabled": False}, {"max_per_minute": 5}, {"ordered": False}], ids=str
)
def should_keep_a_trigger_for_what_is_data(change: dict[str, Any]) -> None:
    assert actions(CREATED, CREATED | change) == [Action.KEPT]


def should_read_the_same_name_however_it_is_written() -> None:
    assert actions(CREATED, CREATED | {"table": ' Public."orders"'}) == [Action.KEPT]
    assert actions(CREATED, CREATED | {"table": 'public."Orders"'}) == [Action.DROPPED, Action.CREATED]


def should_find_the_declaration_in_the_custom_resource() -> None:
    head, tail = json.dumps(declared([CREATED])).split("https://api.example.com", 1)
    text = {"Fn::Join": ["", [head, get("Api", "ApiEndpoint"), tail]]}
    given = stage(
        {
            "Api": resource("AWS::ApiGatewayV2::Api", "Api/Resource"),
            "Bridge": resource(BRIDGE, Declaration=text, SqlHash="abc"),
        }
    )
    found = read_declaration(given)
    assert found.webhooks[0]["name"] == "order.created"
    assert found.content["webhook_url"] == "${bridge/Api.ApiEndpoint}/"
    assert found.sql_hash == "abc"
    assert read_declaration(stage()).webhooks == []


def should_name_the_stack_whose_declaration_cant_be_read() -> None:
    given = stage({"Bridge": resource(BRIDGE, Declaration="{")})
    with pytest.raises(ReviewError, match="declaration in external-compute-test-bridge is no JSON"):
        read_declaration(given)


def should_list_what_else_of_the_declaration_differs() -> None:
    crm = {"name": "crm", "kind": "http", "url": "https://a.example"}
    base = declaration(CREATED, targets=(crm,))
    head = Declaration(
        content=declared([CREATED | {"max_per_minute": 5}], [crm | {"url": "https://b.example"}])
        | {"retention": 1}
    )
    assert settings_changed(base, head) == [
        Setting(name="retention", before="7", after="1"),
        Setting(name='target "crm": url', before="https://a.example", after="https://b.example"),
        Setting(name='webhook "order.created": max_per_minute', before="", after="5"),
    ]
    assert addresses(head) - addresses(base) == {("crm", "https://b.example")}
