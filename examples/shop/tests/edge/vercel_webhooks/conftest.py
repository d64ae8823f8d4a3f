"""A shop for all tests of a file behind a real pooler, and the application that receives its messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.shop.tests.edge import vercel_shop
from examples.shop.tests.edge.vercel_shop import Served
from examples.shop.tests.edge.vercel_webhooks.environment import Environment
from vercel_app.webhooks import receiving
from vercel_app.webhooks.handlers import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.shop.tests.edge.vercel_shop import Shop
    from tests.servers import Server
    from vercel_app.connecting import Connection
    from vercel_app.webhooks.message import Event


@pytest.fixture(scope="module")
def shop(server: Server, bridge_template: str) -> Iterator[Shop]:
    with vercel_shop.opened(server, bridge_template) as shop:
        yield shop


@pytest.fixture(scope="module")
def served(shop: Shop) -> Iterator[Served]:
    with Served(shop.environment) as served:
        yield served


@pytest.fixture
def environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Environment:
    return Environment(shop.environment, monkeypatch)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What a handler of order.seen was handed."""
    events: list[Event] = []

    async def handle(event: Event, _: Connection) -> None:
        events.append(event)

    monkeypatch.setattr(receiving, "HANDLERS", {**HANDLERS, "order.seen": handle})
    return events
