"""A deployment is proven by a ping, or taken back."""

from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING

import pytest

from apply_sql.errors import ApplyError, PingError, RequirementError
from tests.database.apply_sql.deployer import ORDERS, USERS, Api, Deployer, triggers
from tests.databases import SECRET, TARGET_SECRET, Database
from tools.local import supabase

if TYPE_CHECKING:
    from tools.local.pg_net import StandIn


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

    with pytest.raises(RequirementError, match=r"does not run: as supabase_admin, .*worker_restart"):
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
        """create or replace function net.http_post(
          url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
          timeout_milliseconds integer default 5000
        ) returns bigint language plpgsql as $$ begin raise 'broken'; end $$"""
    )

    with pytest.raises(ApplyError, match="broken"):
        deployer.apply(ORDERS)

    assert triggers(bare) == []


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("café".encode("latin-1"), r"caf\\\\351"),
        (gzip.compress(b"no such stack", mtime=0), r"\\\\213"),
        (b"x" * 20_000, r"\(20000 bytes\)"),
    ],
    ids=["latin-1", "gzip", "large"],
)
def should_take_back_what_an_answer_in_no_text_refuses(
    deployer: Deployer, bare: Database, api: Api, body: bytes, shown: str
) -> None:
    deployer.apply(ORDERS)
    api.status, api.body, api.gives_receipts = 404, body, False

    with pytest.raises(PingError, match=rf"HTTP 404 .*{shown}"):
        deployer.apply(USERS)

    assert triggers(bare) == ["bridge_order.created_insert"]
    assert deployer.apply(ORDERS)["Ping"].startswith("warning: ")


def should_take_back_what_an_error_of_its_own_interrupts(
    deployer: Deployer, bare: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployer.apply(ORDERS)

    def fail(*_: object, **__: object) -> str:
        raise UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid")

    monkeypatch.setattr("apply_sql.deployment.ping", fail)

    with pytest.raises(ApplyError, match="UnicodeDecodeError"):
        deployer.apply(USERS)

    assert triggers(bare) == ["bridge_order.created_insert"]


def should_name_the_remedy_where_pg_nets_sql_is_older_than_its_library(
    deployer: Deployer, bare: Database
) -> None:
    supabase.downgrade_pg_net(bare.admin_url)

    with pytest.raises(RequirementError, match=r"as supabase_admin, alter extension pg_net update"):
        deployer.apply(ORDERS)
    assert bare.scalar("select to_regnamespace('bridge')") is None

    supabase.update_pg_net(bare.admin_url)
    assert deployer.apply(ORDERS)["Ping"].startswith("HTTP 202")


def should_replace_secrets_that_vault_can_no_longer_decrypt(deployer: Deployer, bare: Database) -> None:
    deployer.apply(ORDERS)
    bare.execute("select vault.create_secret('mine', 'mine')")
    supabase.lose_vault_key(bare.admin_url)
    assert "can decrypt" in bare.scalar("select problem from bridge.problem where of = 'delivery'")

    assert deployer.apply(ORDERS, USERS)["Ping"].startswith("HTTP 202")

    assert bare.scalar("select bridge.signing_secret(null)") == SECRET
    assert bare.column("select name from vault.secrets order by 1") == ["bridge_signing_secret", "mine"]


def should_warn_of_what_every_role_may_do_to_pg_nets_tables(deployer: Deployer, bare: Database) -> None:
    warnings = deployer.apply(ORDERS)["Warnings"]
    assert "as supabase_admin, revoke all on net.http_request_queue from public" in warnings

    for remedy in bare.column("select remedy from bridge.problem where of = 'security'"):
        bare.execute_as_admin(remedy)

    deployer.warnings.clear()
    assert deployer.apply(ORDERS)["Warnings"] == "none"
    bare.execute("insert into public.orders values (1)")
    assert bare.scalar("select count(*) from bridge.posted where not ping") == 1


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
