"""A deployment is proven by a ping, or taken back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from apply_sql.errors import ApplyError, PingError
from tests.database.apply_sql.deployer import ORDERS, USERS, Api, Deployer, triggers
from tests.databases import TARGET_SECRET, Database

if TYPE_CHECKING:
    from local.pg_net import StandIn


def should_take_a_first_installation_back_when_the_ping_is_refused(
    deployer: Deployer, bare: Database, api: Api
) -> None:
    api.status = 404

    with pytest.raises(PingError, match=r"HTTP 404 .*no such stack.*webhook_url"):
        deployer.apply(ORDERS)

    assert triggers(bare) == []
    assert bare.scalar("select to_regnamespace('bridge')") is None


def should_go_back_to_the_declaration_before_when_the_ping_is_refused(
    deployer: Deployer, bare: Database, api: Api
) -> None:
    deployer.apply(ORDERS)
    api.status = 401

    with pytest.raises(PingError, match=r"HTTP 401.*clock"):
        deployer.apply(USERS)

    assert triggers(bare) == ["bridge_order.created_insert"]
    bare.execute("insert into public.orders values (1)")
    assert bare.events()[0]["record"] == {"id": 1}


def should_name_pg_net_when_nothing_answers(deployer: Deployer, pg_net: StandIn) -> None:
    pg_net.stop()

    with pytest.raises(PingError, match=r"pg_net's worker does not run: as supabase_admin, .*worker_restart"):
        deployer.apply(ORDERS)


def should_not_fail_a_roll_back_for_what_made_the_deployment_fail(
    deployer: Deployer, bare: Database, api: Api
) -> None:
    deployer.apply(ORDERS)
    api.status = 404
    with pytest.raises(PingError):
        deployer.apply(USERS)

    attributes = deployer.apply(ORDERS)

    assert attributes["Ping"].startswith("warning")
    assert triggers(bare) == ["bridge_order.created_insert"]


def should_take_back_what_it_cannot_prove(deployer: Deployer, bare: Database) -> None:
    bare.execute_as_admin(
        "alter table net._http_response rename to gone; create view net._http_response as select 1 as x"
    )

    with pytest.raises(ApplyError, match=r"column .* does not exist|relation"):
        deployer.apply(ORDERS)

    assert triggers(bare) == []


def should_only_warn_of_a_refused_ping_where_that_is_set(
    deployer: Deployer, bare: Database, api: Api
) -> None:
    api.status = 403

    attributes = deployer.apply(ORDERS, ping_required=False)

    assert attributes["Ping"].startswith("warning")
    assert "allowed_source_ranges" in deployer.warnings[0]
    assert triggers(bare) == ["bridge_order.created_insert"]


@pytest.mark.parametrize(
    ("status", "gives_receipts", "said"),
    [
        (202, True, "all 1 answer"),
        (404, True, "warning: edge: HTTP 404"),
        (200, False, "warning: edge: HTTP 200 without a receipt: redelivery posts to it"),
    ],
)
def should_say_whether_targets_answer_and_deploy_all_the_same(
    deployer: Deployer, bare: Database, *, status: int, gives_receipts: bool, said: str
) -> None:
    with Api() as edge:
        edge.status, edge.secret, edge.gives_receipts = status, TARGET_SECRET, gives_receipts
        thread = threading.Thread(target=edge.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        attributes = deployer.apply({**ORDERS, "targets": ["edge"]}, targets={"edge": edge.url})
        edge.shutdown()
        thread.join()

    assert attributes["Targets"].startswith(said)
    assert ('target "edge"' in attributes["Warnings"]) is said.startswith("warning")
    assert triggers(bare) == ["bridge_order.created_insert"]
