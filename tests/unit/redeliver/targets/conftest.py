"""Two targets on this machine, with one secret, and a table whose rows may go to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.aws import Secret
from tests.unit.redeliver.targets.outside import CURRENT, Outside
from tests.unit.targets import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database


@pytest.fixture
def edge() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


@pytest.fixture
def other() -> Iterator[Target]:
    target = Target()
    yield target
    target.close()


@pytest.fixture
def secret(aws: None) -> Secret:  # noqa: ARG001
    return Secret.create_unique({"current": CURRENT, "previous": ""}, "target-edge")


@pytest.fixture
def orders(database: Database) -> Database:
    database.execute("create table public.orders (id bigint primary key)")
    return database


@pytest.fixture
def outside(
    function_environment: None,  # noqa: ARG001
    orders: Database,
    secret: Secret,
    monkeypatch: pytest.MonkeyPatch,
) -> Outside:
    return Outside(orders, secret, monkeypatch)
