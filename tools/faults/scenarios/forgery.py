"""A role of the database that may do no more than pg_net lets every role do: read, delete and write."""

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from tools.faults.scenario import Scene, scenario
from tools.faults.scenarios.pg_net import stopped
from tools.faults.scenarios.targets import EXPORTED, SPARSE_IN_DOLLARS

ROLE = "forger"
RIGHTS = "select has_schema_privilege(%s, 'bridge', 'usage')"
# Of the API, which names its queues, and of the target outside.
TRUE_ANSWERS = """
select string_agg(content, ' ') from (
  select distinct on (status_code) content from net._http_response
  where content like '%"receipt"%' and status_code in (200, 202) order by status_code, id) as answers
having count(*) = 2
"""
TAKE = """
delete from net.http_request_queue returning id, headers ->> 'webhook-id'
"""
ANSWER = """
insert into net._http_response (id, status_code, content_type, headers, content, timed_out)
values (%(id)s, %(status)s, 'application/json', %(headers)s::jsonb, %(content)s, false)
"""
STOPPED_TARGETS = """
select name from bridge.target where paused_at is not null or held_until > clock_timestamp() or failures > 0
"""
SECONDS = 0.1


@scenario("answers-forged", routes=EXPORTED, load=SPARSE_IN_DOLLARS)
def forged(scene: Scene) -> None:
    """A role without rights takes what pg_net has queued and forges its answers, true receipts among them."""
    world = scene.world
    scene.wait_for(lambda: world.database.rows(TRUE_ANSWERS), "no receipts came that could be copied")
    with stopped(scene), _forger(scene) as forger:
        scene.flow(14)
    scene.require(forger.forged >= len(forger.answers), f"only {forger.forged} messages were taken")
    world.redeliver()
    for answer in ("HTTP 202 without a receipt", "HTTP 410", "HTTP 429"):
        scene.require(scene.tried(answer), f"no answer was taken for {answer}")
    targets = world.database.rows(STOPPED_TARGETS)
    scene.expect(not targets, f"targets are paused or held for what was forged: {targets}")


class _Forger:
    """Takes requests from pg_net's queue, and writes what pg_net would have been answered."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        true_answers = connection.execute(TRUE_ANSWERS.encode()).fetchone()
        # What a receiver of before receipts answered is the first; the last, what others of now did.
        self.answers: list[tuple[int, Callable[[str], str]]] = [
            (202, lambda id_: json.dumps({"id": id_, "targets": ["process_order", "partner"]})),
            (410, lambda _: ""),
            (429, lambda _: ""),
            (202, lambda _: true_answers[0] if true_answers else ""),
        ]
        self._next = itertools.cycle(self.answers)
        self._answer_to: dict[str, tuple[int, Callable[[str], str]]] = {}

    @property
    def forged(self) -> int:
        """How many messages were taken."""
        return len(self._answer_to)

    def forge(self) -> None:
        with self._connection.transaction():
            for request, message_id in self._connection.execute(TAKE.encode()).fetchall():
                # The same to all who get a message, so that each of them is answered with everything in turn.
                if message_id not in self._answer_to:
                    self._answer_to[message_id] = next(self._next)
                status, content = self._answer_to[message_id]
                values = {"id": request, "status": status, "content": content(message_id)}
                self._connection.execute(ANSWER.encode(), values | {"headers": '{"retry-after": "3600"}'})


@contextlib.contextmanager
def _forger(scene: Scene) -> Iterator[_Forger]:
    """Let the role forge within the block."""
    over = threading.Event()
    with psycopg.connect(scene.world.system.admin_url, autocommit=True) as connection:
        connection.execute(f"create role {ROLE} nologin".encode())
        try:
            rights = connection.execute(RIGHTS.encode(), [ROLE]).fetchone()
            scene.require(rights == (False,), "the role has rights on schema bridge")
            connection.execute(f"set role {ROLE}".encode())
            forger = _Forger(connection)

            def forge() -> None:
                while not over.wait(SECONDS):
                    forger.forge()

            thread = threading.Thread(target=forge, daemon=True)
            thread.start()
            try:
                yield forger
            finally:
                over.set()
                thread.join()
        finally:
            connection.execute("reset role")
            connection.execute(f"drop role {ROLE}".encode())
