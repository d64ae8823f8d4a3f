"""An order whose items add up to its total is processed; any other is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process_order.orders import TotalMismatchError, add_up, process
from tests.unit.aws import Context
from tests.unit.messages import queued, records

if TYPE_CHECKING:
    from tests.databases import Database

ITEMS = [{"sku": "A", "quantity": 3, "price": Decimal("0.10")}, {"sku": "B", "quantity": 1, "price": 2}]
ORDER = {"id": 1, "items": ITEMS, "total": Decimal("2.30")}


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute(
        "create table public.orders (id bigint primary key, items jsonb not null, total numeric not null,"
        " status text not null default 'pending', processed_at timestamptz)"
    )
    database.execute("insert into public.orders (id, items, total) values (1, '[]', 0), (2, '[]', 0)")
    return database


def states(orders: Database) -> list[Any]:
    return orders.rows("select status, processed_at is not null from public.orders order by id")


def should_mark_an_order_processed(orders: Database) -> None:
    assert process(ORDER, orders.connection)

    assert states(orders) == [["processed", True], ["pending", False]]


@pytest.mark.parametrize("total", [Decimal("2.31"), Decimal("2.3000000000000000000000000000000000001"), 2])
def should_refuse_an_order_that_does_not_add_up(orders: Database, total: Decimal) -> None:
    with pytest.raises(TotalMismatchError, match="the items of order 1 do not add up"):
        process(ORDER | {"total": total}, orders.connection)

    assert states(orders)[0] == ["pending", False]


def should_skip_an_order_that_is_gone(orders: Database) -> None:
    assert not process(ORDER | {"id": 3}, orders.connection)


@pytest.mark.usefixtures("function_environment")
def should_process_the_orders_of_a_batch(orders: Database, capsys: pytest.CaptureFixture[str]) -> None:
    from process_order.handler import handler  # noqa: PLC0415  # its logger is made when it is imported

    events = [queued({"id": order, "items": [], "total": total}) for order, total in ((1, 0), (2, 1), (3, 0))]
    batch = records(*(event | {"id": f"event:{index}"} for index, event in enumerate(events)))

    context: Any = Context()
    answer = handler(batch, context)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "record-1"}]}
    assert states(orders) == [["processed", True], ["pending", False]]
    assert "TotalMismatchError" in capsys.readouterr().out
    handler.database.close()


@given(st.lists(st.tuples(st.integers(0, 10**9), st.decimals(0, 10**30, places=20))))
def should_add_up_exactly(items: list[tuple[int, Decimal]]) -> None:
    cents = sum(quantity * int(Fraction(price) * 10**20) for quantity, price in items)

    total = add_up({"quantity": quantity, "price": price} for quantity, price in items)

    assert total == Fraction(cents, 10**20)
