"""pg_net: an accelerator that forgets, stands still, or isn't there."""

import contextlib
import os
import signal
from collections.abc import Iterator

import psycopg

from tools.faults.errors import SkippedError
from tools.faults.proxies.http import aging
from tools.faults.scenario import Scene, scenario
from tools.faults.writing import SPARSE
from tools.local import supabase
from tools.local.pg_net import StandIn

# Longer than redelivery leaves pg_net a request; and how old one may be at the API when that has ended.
LONG_SECONDS, STALE_SECONDS = 18.0, 15.0
POSTED = "select request_id, message_id::text from bridge.posted where not ping"
PROBLEM = "select coalesce(string_agg(problem, '; '), '') from bridge.problem where of = 'delivery'"
STATUS = "select coalesce(min(problem), '') from bridge.status"
STUCK = """
select count(*) from net.http_request_queue
where (headers ->> 'webhook-timestamp')::bigint < extract(epoch from clock_timestamp()) - 3
"""
SPARED = "select bridge.is_spared()"
# As a minute later: what is spared is rung with once a minute.
RING_AGAIN = "select setval('bridge.last_ring', 1), setval('bridge.last_post', 1)"
RECREATIONS = 3


def stand_in(scene: Scene) -> StandIn:
    """Return pg_net's worker where it is a process of ours.

    Raises:
        SkippedError: it is the extension's, and the server's.
    """
    worker = scene.world.system.pg_net
    if not isinstance(worker, StandIn):
        raise SkippedError("pg_net's worker is the extension's: it belongs to the server")
    return worker


@contextlib.contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    """Do without pg_net's worker within the block."""
    worker = stand_in(scene)
    worker.stop()
    try:
        yield
    finally:
        worker.start()


@scenario("pg_net-killed", load=SPARSE)
def killed(scene: Scene) -> None:
    """pg_net's worker is killed, with what was queued and answered; later it starts with empty tables."""
    worker = stand_in(scene)
    worker.crash()
    try:
        scene.flow()
        scene.require(scene.pending(), "no message waits")
    finally:
        worker.crash()
        worker.start()


@scenario("pg_net-frozen", load=SPARSE)
def frozen(scene: Scene) -> None:
    """pg_net's worker stands still for longer than redelivery leaves it a message; it sends nothing old."""
    ages: list[float] = []
    process = _pid(scene)
    with scene.world.api.behaving(aging(ages)):
        os.kill(process, signal.SIGSTOP)
        try:
            scene.flow(LONG_SECONDS)
            summary = scene.world.redeliver()
        finally:
            os.kill(process, signal.SIGCONT)
        scene.require(summary.get("redelivered"), f"redelivery took nothing over: {summary}")
        _expect_to_ring_again(scene)
    _expect_nothing_stale(scene, ages)


@scenario("pg_net-recreated", load=SPARSE)
def recreated(scene: Scene) -> None:
    """Extension pg_net is dropped and created again, and again: its ids begin at 1, what it had is gone."""
    repeated = 0
    process = _pid(scene)
    for _ in range(RECREATIONS):
        before = dict(scene.world.database.rows(POSTED))
        supabase.recreate_pg_net(scene.world.system.admin_url)
        scene.flow(4)
        after = dict(scene.world.database.rows(POSTED))
        repeated += sum(after[request] != before[request] for request in after.keys() & before.keys())
    scene.require(repeated, "no request had the number of another")
    scene.expect(_pid(scene) == process, "the worker is another")
    scene.world.redeliver()


@scenario("pg_net-recreated-busy")
def recreated_busy(scene: Scene) -> None:
    """Extension pg_net is dropped and created again, and again, between writes that want its locks."""
    process = _pid(scene)
    for _ in range(RECREATIONS):
        supabase.recreate_pg_net(scene.world.system.admin_url)
        scene.flow(2)
    scene.expect(_pid(scene) == process, "the worker is another")


@scenario("pg_net-outdated", load=SPARSE)
def outdated(scene: Scene) -> None:
    """pg_net's SQL is older than its library, which it never wakes; updated, it sends nothing old."""
    world, ages = scene.world, list[float]()
    stand_in(scene)
    with world.api.behaving(aging(ages)):
        supabase.downgrade_pg_net(world.system.admin_url)
        try:
            # What comes within a second of the last request is sent with nobody waking it.
            scene.wait_for(lambda: world.database.value(STUCK), "pg_net goes on sending", seconds=30)
            ages.clear()
            scene.flow(LONG_SECONDS)
            scene.require(not ages, "pg_net sent something")
            for of in (PROBLEM, STATUS):
                problem = world.database.value(of)
                scene.expect("older than its library" in problem, f"it says of pg_net only: {problem!r}")
            summary = world.redeliver()
            scene.require(summary.get("redelivered"), f"redelivery took nothing over: {summary}")
            scene.expect(world.database.value(SPARED), "pg_net is still handed messages")
            # What was too young to be taken back is old now.
            scene.flow(LONG_SECONDS)
            world.redeliver()
        finally:
            supabase.update_pg_net(world.system.admin_url)
        _expect_to_ring_again(scene)
        problem = world.database.value(PROBLEM)
        scene.expect(not problem, f"it still says of pg_net: {problem!r}")
    _expect_nothing_stale(scene, ages)


def _pid(scene: Scene) -> int:
    process = stand_in(scene).process
    assert process is not None  # noqa: S101 - it runs unless a scenario has stopped it
    return process.pid


def _expect_to_ring_again(scene: Scene) -> None:
    """Let a minute pass, and expect that pg_net is trusted again by what it sends then."""
    database = scene.world.database
    database.rows(RING_AGAIN)
    scene.wait_for(lambda: not database.value(SPARED), "pg_net did not ring")


def _expect_nothing_stale(scene: Scene, ages: list[float]) -> None:
    scene.require(ages, "pg_net sent nothing afterwards")
    scene.expect(max(ages) < STALE_SECONDS, f"pg_net sent what was {max(ages):.0f} s old")


@scenario("pg_net-missing", load=SPARSE)
def missing(scene: Scene) -> None:
    """Schema net is gone, as when the extension is dropped amid writes; then it is back."""
    stand_in(scene)
    with renamed(scene, "net"):
        scene.flow()
        scene.require(scene.pending(), "no message waits")


@contextlib.contextmanager
def renamed(scene: Scene, schema: str) -> Iterator[None]:
    """Do without a schema within the block."""
    with psycopg.connect(scene.world.system.admin_url, autocommit=True) as admin:
        try:
            admin.execute(f"alter schema {schema} rename to {schema}_away".encode())
        except psycopg.errors.InsufficientPrivilege:
            raise SkippedError(f"schema {schema} can't be taken away from a given database") from None
        try:
            yield
        finally:
            admin.execute(f"alter schema {schema}_away rename to {schema}".encode())
