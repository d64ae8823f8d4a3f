"""Targets come and go with the declaration; what waits for them does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from tests.database.targets.outbox import answer, claimed, declare, due, insert, states

if TYPE_CHECKING:
    from tests.databases import Database


def should_settle_what_a_target_has_accepted_before_it_is_undeclared(orders: Database) -> None:
    message = insert(orders)
    orders.execute(
        "insert into net._http_response (id, status_code, timed_out, content)"
        " select request_id, 202, false, %s from bridge.posted where 'edge' = any (targets)",
        [orders.receipts(message)["edge"]],
    )

    declare(orders, "handle_order", further=())

    assert states(orders, message)["edge"] == ["delivered", 0, None]


def should_keep_what_a_target_accepted_that_was_undeclared_meanwhile(orders: Database) -> None:
    message = insert(orders)
    receipt = orders.receipts(message)["edge"]
    declare(orders, "handle_order", further=())

    # Its secret is forgotten: whether the receipt is its own can't be told.
    answer(orders, "edge", 202, content=receipt)

    assert states(orders, message)["edge"] == ["pending", 0, "HTTP 202 without a receipt"]


def should_hand_out_what_waits_for_a_target_that_is_declared_no_more(orders: Database) -> None:
    insert(orders)
    declare(orders, "handle_order", further=())
    due(orders)

    assert sorted(claimed(orders, "queue")) == ["edge", "handle_order"]


def should_go_on_showing_what_waits_for_a_target_that_is_declared_no_more(orders: Database) -> None:
    insert(orders)
    declare(orders, "handle_order", further=())

    shown = "select target, enabled, pending from bridge.status order by target"
    assert orders.rows(shown) == [["edge", None, 1], ["handle_order", True, 1]]


def should_forget_the_secret_of_a_target_that_is_declared_no_more(orders: Database) -> None:
    orders.execute("select vault.create_secret('mine', 'bridge_signing_secret_of_mine')")
    declare(orders, "handle_order", further=())

    assert orders.column("select name from vault.secrets order by 1") == [
        "bridge_signing_secret",
        "bridge_signing_secret_of_mine",
    ]


def should_refuse_a_target_that_is_not_declared(orders: Database) -> None:
    with pytest.raises(errors.InvalidParameterValue) as refusal:
        declare(orders, "nobody")

    assert refusal.value.diag.message_primary == (
        'target "nobody" of webhook "webhook" is not declared; declared: edge, handle_order'
    )
