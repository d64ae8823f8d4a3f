"""The stand-ins for pg_net and Vault are as unkind as pg_net 0.20.4 and Vault 0.3."""

from __future__ import annotations

import functools
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tools.local import supabase
from tools.local.pg_net import StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.databases import Database
    from tools.local.postgres import Server

pytestmark = pytest.mark.usefixtures("stand_ins")
SECONDS = 20
POST = "select net.http_post(%s)"
INSERT = "insert into net.http_request_queue (method, url, timeout_milliseconds) values ('POST', %s, 5000)"
WORKER = """
select {} from pg_stat_activity where datname = current_database() and application_name = 'pg_net 0.20.4'
"""


class Handler(BaseHTTPRequestHandler):
    """Notes each request with the time; the path says what is answered."""

    server: Site
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        if self.path == "/slow":
            self.server.released.wait(SECONDS)
        status, headers, content = self.server.answers.get(self.path, (200, [], b"ok"))
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name.decode("latin-1"), value.decode("latin-1"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        pass


class Site(ThreadingHTTPServer):
    """An address to post to."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, tuple[int, list[tuple[bytes, bytes]], bytes]] = {}
        self.released = threading.Event()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def received(self, path: str) -> bool:
        return path in self.paths()

    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.requests]


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        site.released.set()
        site.shutdown()
        thread.join()


@pytest.fixture
def worker(empty_database: Database, server: Server, tmp_path: Path) -> Iterator[StandIn]:
    worker = StandIn(server.admin_url(empty_database.name), tmp_path / "pg_net.log", record=lambda _: None)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
def db(empty_database: Database, worker: StandIn) -> Database:
    """A database whose worker is at rest."""
    assert worker.running()
    rest(empty_database)
    return empty_database


def until(test: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not test():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def rest(database: Database) -> None:
    """Wait until the worker waits without a time-out: its pauses between batches last a second."""
    until(lambda: database.scalar(f"select ({WORKER.format('clock_timestamp() - state_change')}) > '1.3 s'"))


def answered(database: Database, request_id: int) -> None:
    until(
        lambda: database.scalar("select exists (select from net._http_response where id = %s)", [request_id])
    )


def post(database: Database, url: str) -> int:
    request_id: int = database.scalar(POST, [url])
    return request_id


def should_send_only_when_woken(db: Database, site: Site) -> None:
    db.execute(INSERT, [site.url("/direct")])
    time.sleep(0.3)
    assert site.requests == []
    db.execute("select net.wake()")
    until(lambda: site.paths() == ["/direct"])


def should_send_at_commit_and_not_after_a_rollback(db: Database, site: Site) -> None:
    with db.connection.transaction(force_rollback=True):
        post(db, site.url("/rolled-back"))
    with db.connection.transaction():
        post(db, site.url("/committed"))
        time.sleep(0.3)
        assert site.requests == []
    until(lambda: site.paths() == ["/committed"])


def should_interrupt_a_pause_once(db: Database, site: Site) -> None:
    started = time.monotonic()
    for path in ("/first", "/second", "/third"):
        post(db, site.url(path))
        until(functools.partial(site.received, path))
        if path == "/second":
            assert time.monotonic() - started < 1
    # The wake of the second cut the pause after the first short; that of the third found the flag set.
    assert time.monotonic() - started >= 1


def should_wake_for_a_transaction_that_was_open_when_the_worker_fell_asleep(db: Database, site: Site) -> None:
    post(db, site.url("/first"))
    until(lambda: site.paths() == ["/first"])
    post(db, site.url("/second"))
    with db.connect() as other:
        with other.transaction():
            other.execute(POST, [site.url("/open")])
            rest(db)
        until(lambda: "/open" in site.paths())


def should_send_200_together(db: Database, site: Site) -> None:
    urls = [site.url("/slow")] + [site.url(f"/{number}") for number in range(249)]
    with db.connection.transaction():
        for url in urls:
            post(db, url)
    until(lambda: len(site.requests) == 200)
    time.sleep(1.2)
    # The slowest of a batch holds it, and what is behind it.
    assert len(site.requests) == 200
    assert db.scalar("select count(*) from net._http_response") == 0
    site.released.set()
    until(lambda: db.scalar("select count(*) from net._http_response") == 250)


def should_store_bytes_as_they_come(db: Database, site: Site) -> None:
    site.answers["/raw"] = (
        200,
        [(b"X-Raw", b"caf\xe9"), (b"X-Twice", b"1"), (b"X-Twice", b"2"), (b"Content-Encoding", b"gzip")],
        b"\x1f\x8b\xff\xfe and\x00hidden",
    )
    answered(db, post(db, site.url("/raw")))
    db.execute_as_admin(
        "create function public.raw(text) returns bytea language internal immutable strict as 'byteasend'"
    )
    assert db.rows("select public.raw(content), public.raw(headers ->> 'X-Raw') from net._http_response") == [
        [b"\x1f\x8b\xff\xfe and", b"caf\xe9"]
    ]
    assert db.scalar("select headers ->> 'X-Twice' from net._http_response") == "2"
    with pytest.raises(psycopg.errors.CharacterNotInRepertoire):
        db.rows("select convert_to(content, 'UTF8') from net._http_response")


def should_send_the_headers_that_curl_sends(db: Database, site: Site) -> None:
    headers = '{"Accept": "", "X-Blank": " ", "X-Null": null, "X-Set": "1"}'
    answered(db, db.scalar("select net.http_post(%s, headers => %s::jsonb)", [site.url(), headers]))
    answered(db, db.scalar("""select net.http_delete(%s, body => '{"a": 1}')""", [site.url()]))
    (_, _, posted, _), (_, _, deleted, _) = site.requests
    assert set(posted) == {"Host", "Content-Length", "Content-Type", "X-Set", "User-Agent"}
    assert set(deleted) == {"Host", "Content-Length", "Content-Type", "Accept", "User-Agent"}
    assert deleted["Content-Type"] == "application/x-www-form-urlencoded"


def should_stall_on_more_than_64_kib(db: Database, site: Site) -> None:
    post_letters = "select net.http_post(%s, to_jsonb(repeat('a', %s)), timeout_milliseconds => 1000)"
    answered(db, db.scalar(post_letters, [site.url(), 65_000]))
    answered(db, db.scalar(post_letters, [site.url(), 66_000]))
    assert db.rows("select status_code, timed_out from net._http_response order by id") == [
        [200, False],
        [None, True],
    ]


def should_tell_where_a_request_timed_out(db: Database, site: Site) -> None:
    answered(db, db.scalar("select net.http_post(%s, timeout_milliseconds => 300)", [site.url("/slow")]))
    message = db.scalar("select error_msg from net._http_response where timed_out")
    steps = re.fullmatch(
        r"Timeout of 300 ms reached\. Total time: (\S+) ms \(DNS time: (\S+) ms, "
        r"TCP/SSL handshake time: (\S+) ms, HTTP Request/Response time: (\S+) ms\)",
        message,
    )
    assert steps is not None
    total, _, handshake, response = map(float, steps.groups())
    assert handshake < response <= total
    assert response > 200


@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "GET"), (307, "POST")])
def should_follow_redirects_as_curl(db: Database, site: Site, status: int, method: str) -> None:
    site.answers["/from"] = (status, [(b"Location", b"/to"), (b"X-First", b"1")], b"moved")
    answered(db, post(db, site.url("/from")))
    assert [request[:2] for request in site.requests] == [("POST", "/from"), (method, "/to")]
    assert (site.requests[1][3] == b"{}") == (method == "POST")
    # The headers kept are those of the redirection.
    assert db.rows("select status_code, content, headers ? 'X-First' from net._http_response") == [
        [200, "ok", True]
    ]


def should_stop_after_30_redirects(db: Database, site: Site) -> None:
    site.answers["/loop"] = (302, [(b"Location", b"/loop")], b"")
    answered(db, post(db, site.url("/loop")))
    assert len(site.requests) == 31
    assert db.column("select error_msg from net._http_response") == ["Number of redirects hit maximum amount"]


def should_raise_at_the_caller_for_what_is_no_address(empty_database: Database) -> None:
    for url in ("localhost:6666", "/relative", ""):
        with pytest.raises(psycopg.errors.InternalError_, match=f'^invalid URL "{url}": '):
            post(empty_database, url)


def should_live_on_without_the_extension(db: Database, server: Server, site: Site, worker: StandIn) -> None:
    answered(db, post(db, site.url()))
    db.execute_as_admin("drop schema net cascade")
    db.execute("select pg_notify('pg_net', 'wake')")
    rest(db)
    supabase.install(server.admin_url(), db.name)
    assert worker.running()
    assert post(db, site.url("/again")) == 1
    until(lambda: "/again" in site.paths())


def should_leave_what_is_queued_while_a_table_is_locked(db: Database, server: Server, site: Site) -> None:
    with psycopg.connect(server.admin_url(db.name)) as admin:
        admin.execute(INSERT, [site.url()])
        admin.execute("lock table net._http_response in access exclusive mode")
        db.execute("select net.wake()")
        time.sleep(0.3)
    # Released, and nobody wakes the worker anew.
    time.sleep(0.3)
    assert site.requests == []
    db.execute("select net.wake()")
    until(lambda: site.requests)


def should_start_again_with_what_is_queued(db: Database, site: Site, worker: StandIn) -> None:
    worker.stop()
    with pytest.raises(psycopg.errors.RaiseException, match="the pg_net background worker is not up"):
        db.execute("select net.check_worker_is_up()")
    post(db, site.url())
    worker.start()
    until(lambda: site.requests)
    db.execute("select net.check_worker_is_up(), net.wait_until_running()")


def should_restart_for_any_role(db: Database, site: Site) -> None:
    process = db.scalar(WORKER.format("pid"))
    db.execute("set role anon")
    assert db.scalar("select net.worker_restart()") is True
    db.execute("reset role")
    until(lambda: db.column(WORKER.format("pid")) not in ([], [process]))
    post(db, site.url())
    until(lambda: site.requests)


def should_never_be_woken_by_sql_of_0_14(db: Database, server: Server, site: Site) -> None:
    supabase.downgrade_pg_net(server.admin_url(db.name))
    assert db.scalar("select to_regprocedure('net.wake()') is null")
    post(db, site.url("/asleep"))
    time.sleep(0.3)
    assert site.requests == []
    supabase.update_pg_net(server.admin_url(db.name))
    post(db, site.url("/awake"))
    until(lambda: sorted(site.paths()) == ["/asleep", "/awake"])


def should_let_any_role_read_delete_and_forge(db: Database, site: Site) -> None:
    db.execute("set role anon")
    db.execute(INSERT, [site.url("/forged")])
    db.execute("insert into net._http_response (id, status_code) values (7, 200)")
    assert db.column("select url from net.http_request_queue") == [site.url("/forged")]
    db.execute("delete from net._http_response where id = 7")
    db.execute("truncate net.http_request_queue")
    db.execute("reset role")


def should_stumble_over_a_forged_request_again_and_again(db: Database, site: Site) -> None:
    db.execute(INSERT.replace("5000", "-1"), [site.url("/forged")])
    post(db, site.url("/behind"))
    time.sleep(2.5)
    assert site.requests == []
    db.execute("delete from net.http_request_queue where timeout_milliseconds < 0")
    until(lambda: site.paths() == ["/behind"])


def should_lose_secrets_with_the_root_key_of_vault(empty_database: Database, server: Server) -> None:
    db = empty_database
    lost = db.scalar("select vault.create_secret('sesame', 'lost')")
    assert db.column("select decrypted_secret from vault.decrypted_secrets") == ["sesame"]
    supabase.lose_vault_key(server.admin_url(db.name))
    for statement in (
        "select decrypted_secret from vault.decrypted_secrets",
        f"select vault.update_secret('{lost}', 'new')",
    ):
        with pytest.raises(
            psycopg.errors.DataException,
            match=r"^pgsodium_crypto_aead_det_decrypt_by_id: invalid ciphertext",
        ) as raised:
            db.execute(statement)
        assert raised.value.sqlstate == "22000"
    created = db.scalar("select vault.create_secret('open', 'created')")
    db.execute("select vault.update_secret(%s, 'opener')", [created])
    db.execute("delete from vault.secrets where name = 'lost'")
    assert db.column("select decrypted_secret from vault.decrypted_secrets") == ["opener"]
