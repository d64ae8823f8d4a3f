"""pg_net: an accelerator that forgets, stands still, or isn't there."""

import contextlib
import os
import signal
from collections.abc import Iterator

import psycopg

from faults.errors import SkippedError
from faults.scenario import Scene, scenario
from local.pg_net import StandIn


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


@scenario("pg_net-killed")
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


@scenario("pg_net-frozen")
def frozen(scene: Scene) -> None:
    """pg_net's worker stands still for longer than redelivery leaves it a message; then sends it all late."""
    process = stand_in(scene).process
    assert process is not None  # noqa: S101 - it runs unless a scenario has stopped it
    os.kill(process.pid, signal.SIGSTOP)
    try:
        scene.flow(8)
        summary = scene.world.redeliver()
    finally:
        os.kill(process.pid, signal.SIGCONT)
    scene.require(summary.get("redelivered"), f"redelivery took nothing over: {summary}")


@scenario("pg_net-missing")
def missing(scene: Scene) -> None:
    """Schema net is gone, as when the extension is dropped amid writes; then it is back."""
    stand_in(scene)
    with _renamed(scene, "net"):
        scene.flow()
        scene.require(scene.pending(), "no message waits")


@scenario("vault-missing")
def vault_missing(scene: Scene) -> None:
    """Schema vault is gone: nothing can be signed in the database; then it is back."""
    with _renamed(scene, "vault"):
        scene.flow()
        scene.require(scene.pending(), "no message waits")


@contextlib.contextmanager
def _renamed(scene: Scene, schema: str) -> Iterator[None]:
    with psycopg.connect(scene.world.system.admin_url, autocommit=True) as admin:
        try:
            admin.execute(f"alter schema {schema} rename to {schema}_away".encode())
        except psycopg.errors.InsufficientPrivilege:
            raise SkippedError(f"schema {schema} can't be taken away from a given database") from None
        try:
            yield
        finally:
            admin.execute(f"alter schema {schema}_away rename to {schema}".encode())
