"""Stripe on this machine for all tests here, and a shop for each."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import stripe

from examples.shop.tests.payments.proxy import Proxy
from examples.shop.tests.payments.shop import Shop
from tests.fixtures import clone
from tests.unit.aws import Secret
from tools.local.directories import RunDirectory
from tools.local.stripe import Stripe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database
    from tests.servers import Server


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[Stripe]:
    directory = RunDirectory()
    with Stripe(run_directory=directory, log=directory.path / "stripe.log") as server:
        yield server
    directory.remove()


@pytest.fixture(scope="module")
def database(server: Server, bridge_template: str) -> Iterator[Database]:
    """One for all tests of a file: each pays for orders of its own."""
    yield from clone(server, bridge_template)


@pytest.fixture
def proxy(stripe_server: Stripe) -> Iterator[Proxy]:
    with Proxy(stripe_server.url) as proxy:
        yield proxy


@pytest.fixture
def shop(  # noqa: PLR0913, PLR0917  # all that a shop consists of
    server: Server,
    database: Database,
    function_environment: None,  # noqa: ARG001
    stripe_server: Stripe,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    secret = Secret.create_unique({"secret_key": stripe_server.key, "api_base": proxy.url}, "stripe")
    # Between attempts; half a second would be spent waiting in most tests.
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.05)
    monkeypatch.setenv("STRIPE_SECRET_ID", secret.id)
    # Powertools keeps a logger, and the standard output of its time, for each name.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"payments_{uuid4().hex}")
    shop = Shop(server, database, stripe_server, secret, proxy, [])
    shop.open()
    shop.instance()
    yield shop
    shop.reconnect()
    for instance in shop.instances:
        instance.close()
