"""A deployment's work in the database: installed whole, proven by a ping, or taken back."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from standardwebhooks.webhooks import Webhook

from apply_sql import installation
from apply_sql.deployment import Deployment
from apply_sql.errors import ApplyError, BusyError, PingError, RequirementError
from apply_sql.request import Request
from local.pg_net import StandIn
from tests.databases import SECRET, SQL_FILES, TARGET_SECRET, Database, declaration, webhook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.postgres import Server

ORDERS = webhook(name="order.created", table="public.orders", operations=["insert"])
USERS = webhook(name="user.gone", table="public.users", operations=["delete"])


class Api(HTTPServer):
    """Answers the ping as the receiver would, or with a status that a test sets."""

    status = 202
    secret = SECRET
    repeats_id = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def repeated(self, message_id: str) -> bytes:
        return message_id.encode() if self.repeats_id else b""


class Receiver(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        Webhook(self.server.secret).verify(body, dict(self.headers))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b'{"error": "no such stack"}' + self.server.repeated(self.headers["webhook-id"]))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield api
        api.shutdown()
        thread.join()


@pytest.fixture
def bare(empty_database: Database) -> Database:
    """What a user has before the first deployment."""
    empty_database.execute("create table public.orders (id bigint primary key)")
    empty_database.execute("create table public.users (id bigint primary key)")
    return empty_database


@pytest.fixture
def pg_net(bare: Database, server: Server, tmp_path: Path) -> Iterator[StandIn]:
    worker = StandIn(server.admin_url(bare.name), tmp_path / "pg_net.log", record=lambda _: None)
    worker.start()
    yield worker
    worker.stop()


class Deployer:
    def __init__(self, database: Database, url: str) -> None:
        self._url = url
        self.warnings: list[str] = []
        self.deployment = Deployment(
            connect=lambda: database.connection,
            sql_files=SQL_FILES,
            signing_secret=lambda target: SECRET if target is None else TARGET_SECRET,
            warn=self.warnings.append,
            ping_seconds=4.0,
        )

    def request(
        self,
        kind: Any,
        webhooks: list[dict[str, Any]],
        *,
        targets: dict[str, str] | None = None,
        **options: Any,
    ) -> Request:
        addresses = [{"name": name, "kind": "http", "url": url} for name, url in (targets or {}).items()]
        return Request(
            kind=kind,
            declaration={**declaration(webhooks, addresses), "webhook_url": self._url},
            **{"owner": "tests", "adopt": None, "ping_required": True, **options},
        )

    def apply(self, *webhooks: dict[str, Any], **options: Any) -> dict[str, Any]:
        return self.deployment.apply(self.request("Update", list(webhooks), **options))

    def remove(self, **options: Any) -> dict[str, Any]:
        return self.deployment.remove(self.request("Delete", [], **options))


@pytest.fixture
def deployer(bare: Database, api: Api, pg_net: StandIn) -> Deployer:
    assert pg_net.running()
    return Deployer(bare, api.url)


def triggers(database: Database) -> list[str]:
    return database.column(
        "select tgname::text from pg_trigger"
        " where not tgisinternal and tgrelid <> 'storage.objects'::regclass order by 1"
    )


def should_install_and_report(deployer: Deployer, bare: Database) -> None:
    attributes = deployer.apply(ORDERS, USERS)

    assert attributes["Triggers"] == 2
    assert attributes["PgNetVersion"] == "not an extension"
    assert float(attributes["RoundTripMs"]) > 0
    assert attributes["Ping"].startswith("HTTP 202")
    assert triggers(bare) == ["bridge_order.created_insert", "bridge_user.gone_delete"]


def should_apply_twice_to_the_same_end(deployer: Deployer, bare: Database) -> None:
    deployer.apply(ORDERS)
    before = bare.rows("select oid, tgname from pg_trigger where not tgisinternal")

    deployer.apply(ORDERS)

    assert bare.rows("select oid, tgname from pg_trigger where not tgisinternal") == before


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

    with pytest.raises(PingError, match=r"pg_net gave no answer.*worker_restart"):
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
    ("status", "repeats_id", "said"),
    [
        (202, True, "all 1 answer"),
        (404, True, "warning: edge: HTTP 404"),
        (200, False, "warning: edge: HTTP 200, but the answer does not repeat the webhook-id"),
    ],
)
def should_say_whether_targets_answer_and_deploy_all_the_same(
    deployer: Deployer, bare: Database, *, status: int, repeats_id: bool, said: str
) -> None:
    with Api() as edge:
        edge.status, edge.secret, edge.repeats_id = status, TARGET_SECRET, repeats_id
        thread = threading.Thread(target=edge.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        attributes = deployer.apply({**ORDERS, "targets": ["edge"]}, targets={"edge": edge.url})
        edge.shutdown()
        thread.join()

    assert attributes["Targets"].startswith(said)
    assert len(deployer.warnings) == said.startswith("warning")
    assert triggers(bare) == ["bridge_order.created_insert"]


def should_name_what_the_database_lacks_and_change_nothing(deployer: Deployer, bare: Database) -> None:
    bare.execute_as_admin("drop schema net cascade; drop schema vault cascade")

    with pytest.raises(RequirementError, match=r"pg_net is missing.*Vault is missing"):
        deployer.apply(ORDERS)

    assert bare.scalar("select to_regnamespace('bridge')") is None


def should_name_what_the_declaration_has_wrong_and_change_nothing(deployer: Deployer, bare: Database) -> None:
    with pytest.raises(RequirementError, match=r'did you mean "public\.orders"'):
        deployer.apply({**ORDERS, "table": "public.order"})

    assert bare.scalar("select to_regnamespace('bridge')") is None


def should_wait_for_a_busy_table(deployer: Deployer, bare: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "LOCK_TIMEOUT_MS", 100)
    with bare.connect() as writer:
        writer.autocommit = False
        writer.execute("insert into public.orders values (1)")
        release = threading.Timer(1.0, writer.commit)
        release.start()

        deployer.apply(ORDERS)
        release.join()

    assert triggers(bare) == ["bridge_order.created_insert"]


def should_give_up_on_a_table_that_stays_busy(
    deployer: Deployer, bare: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "LOCK_TIMEOUT_MS", 100)
    monkeypatch.setattr(installation, "RETRY_SECONDS", 1.0)
    with bare.connect() as writer:
        writer.autocommit = False
        writer.execute("insert into public.orders values (1)")

        with pytest.raises(BusyError, match="end the long transaction"):
            deployer.apply(ORDERS)
        writer.rollback()

    assert bare.scalar("select to_regnamespace('bridge')") is None


def should_serve_two_deployments_at_a_time(deployer: Deployer, bare: Database, api: Api) -> None:
    with bare.connect() as connection:
        other = Deployer(bare, api.url)
        object.__setattr__(other.deployment, "connect", lambda: connection)
        thread = threading.Thread(target=other.apply, args=[ORDERS])
        thread.start()
        deployer.apply(ORDERS)
        thread.join()

    assert triggers(bare) == ["bridge_order.created_insert"]


def should_leave_another_owners_installation_alone(deployer: Deployer, bare: Database) -> None:
    deployer.apply(ORDERS)

    assert deployer.remove(owner="other") == {"triggers_dropped": 0, "messages_kept": 0}

    assert triggers(bare) == ["bridge_order.created_insert"]


def should_remove_and_say_what_is_kept(deployer: Deployer, bare: Database, pg_net: StandIn) -> None:
    deployer.apply(ORDERS)
    pg_net.stop()
    bare.execute("insert into public.orders values (1)")

    assert deployer.remove() == {"triggers_dropped": 1, "messages_kept": 1}

    assert triggers(bare) == []
    assert "1 undelivered messages are kept" in deployer.warnings[0]


def should_remove_twice(deployer: Deployer) -> None:
    deployer.apply(ORDERS)
    assert deployer.remove() == {"triggers_dropped": 1, "messages_kept": 0}

    assert deployer.remove() == {"triggers_dropped": 0, "messages_kept": 0}
