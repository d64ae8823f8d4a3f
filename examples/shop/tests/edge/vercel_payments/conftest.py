"""A shop for all tests of a file, and the application that is asked to charge for its orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stripe

from examples.shop.tests.edge import vercel_shop
from examples.shop.tests.edge.vercel_shop import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.shop.tests.edge.vercel_shop import Shop
    from tests.servers import Server


@pytest.fixture(scope="module")
def shop(server: Server, bridge_template: str) -> Iterator[Shop]:
    with vercel_shop.opened(server, bridge_template) as shop:
        # What a test takes away, the functions shall miss at once, not the pooler.
        shop.environment["DATABASE_URL"] = shop.edge_url
        yield shop


@pytest.fixture(scope="module")
def served(shop: Shop) -> Iterator[Served]:
    with Served(shop.environment) as served:
        yield served


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    # Between attempts; half a second would be spent waiting in most tests.
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.02)
