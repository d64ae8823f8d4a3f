"""How a run goes: what it does besides delivering, how long it looks again, and what it publishes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from bridge.errors import DatabaseUnavailableError, SettingsError
from redeliver.outbox import Outbox
from redeliver.running import Run
from tests.unit.redeliver.queues.orders import RUNG, Redeliver, delivered, insert

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Queue, Secret

pytestmark = pytest.mark.usefixtures("function_environment")


def should_write_and_deliver_a_backfill_in_one_run(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redeliver.running.BACKFILL_ROWS", 70)
    insert(orders, 1, 251)
    orders.clear()
    orders.execute("select bridge.backfill('webhook')")

    redeliver()

    assert delivered(queue) == list(range(1, 252))
    assert orders.rows("select events, finished_at is not null from bridge.backfills") == [[251, True]]


def should_take_more_than_one_lease(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redeliver.running.CLAIM_MESSAGES", 2)
    for order in range(5):
        insert(orders, order, order)

    assert redeliver()["redelivered"] == 5
    assert delivered(queue) == [0, 1, 2, 3, 4]


def should_stop_before_the_function_is_stopped(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue
) -> None:
    insert(orders, 1, 1)

    summary = redeliver(remaining_ms=9_999)

    assert (summary["redelivered"], summary["pending"]) == (0, 1)
    assert queue.bodies() == []


@dataclass
class Clock:
    """Time that passes only while a run pauses; what is written meanwhile comes from `write`."""

    write: Callable[[int], None]
    paused: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return sum(self.paused)

    def sleep(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.write(len(self.paused))


def should_look_again_for_a_while_when_rung(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(pause: int) -> None:
        if pause in {10, 11, 40}:
            insert(orders, pause, pause)

    clock = Clock(write)
    monkeypatch.setattr("redeliver.running.time", clock)

    summary = redeliver(RUNG)

    assert (summary["rung"], summary["redelivered"]) == (True, 3)
    assert delivered(queue) == [10, 11, 40]
    # Ten times a second, until nothing came for three.
    assert clock.paused == [0.1] * len(clock.paused)
    assert 69 <= len(clock.paused) <= 71
    assert orders.scalar("select bridge.is_awake()") is False


def should_promise_writers_to_look_as_long_as_it_does(
    redeliver: Redeliver, orders: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    awake: list[bool] = []
    clock = Clock(lambda _: awake.append(orders.scalar("select bridge.is_awake()")))
    monkeypatch.setattr("redeliver.running.time", clock)

    redeliver(RUNG)

    assert awake[:20] == [True] * 20
    assert orders.scalar("select bridge.is_awake()") is False


def should_promise_nothing_further_once_it_can_claim_nothing(
    redeliver: Redeliver, orders: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.execute("alter function bridge.claim(integer, integer, text[]) rename to gone")
    promises: list[int] = []
    monkeypatch.setattr(Outbox, "stay_awake", lambda _, milliseconds: promises.append(milliseconds))
    monkeypatch.setattr("redeliver.running.time", Clock(lambda _: None))

    summary = redeliver(RUNG)

    assert "claim queue" in summary["broken"]
    # Before it knew.
    assert len(promises) == 1


@pytest.mark.parametrize("commits", [True, False])
def should_wait_for_who_writes_in_reliance_on_it(
    redeliver: Redeliver,
    orders: TestDatabase,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
    *,
    commits: bool,
) -> None:
    with orders.connect() as writer:
        writer.autocommit = False

        def write(pause: int) -> None:
            if pause == 1:
                writer.execute("insert into public.orders values (1)")
            if pause == 60 and commits:
                writer.commit()

        clock = Clock(write)
        monkeypatch.setattr("redeliver.running.time", clock)

        redeliver(RUNG)
        writer.rollback()

    assert delivered(queue) == ([1] if commits else [])
    # Three seconds after the commit; ten after these where there is none.
    assert len(clock.paused) == pytest.approx(90 if commits else 130, abs=2)


BROKEN = {
    "settle": "settle(integer)",
    "withdraw": "withdraw(integer)",
    "park": "park(text, integer)",
    "admit": "admit(integer)",
    "backfill": "backfill_step(integer)",
    "prune": "prune(integer)",
    "count": "metrics()",
}


@pytest.mark.parametrize("step", BROKEN)
def should_deliver_whatever_other_step_fails(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue, capsys: pytest.CaptureFixture[str], step: str
) -> None:
    insert(orders, 1, 1)
    orders.execute(f"alter function bridge.{BROKEN[step]} rename to gone")

    summary = redeliver()

    assert delivered(queue) == [1]
    assert summary["broken"] == [step]
    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert metrics["BrokenSteps"] == [1.0]


def should_look_once_more_when_its_time_is_over(
    redeliver: Redeliver, orders: TestDatabase, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    fall_asleep = Outbox.fall_asleep

    def write_meanwhile(outbox: Outbox) -> bool:
        # In the last moment of the promise.
        insert(orders, 1, 1)
        return fall_asleep(outbox)

    monkeypatch.setattr(Outbox, "fall_asleep", write_meanwhile)

    redeliver(RUNG, remaining_ms=12_000)

    assert delivered(queue) == [1]


def should_prune_on_schedule(redeliver: Redeliver, orders: TestDatabase) -> None:
    orders.execute(
        "insert into bridge.message (id, webhook, target, body, state)"
        " values (bridge.message_id_at(now() - interval '8 days'), 'webhook', 'orders', '{}', 'delivered')"
    )

    assert redeliver()["pruned"] == 1
    assert orders.scalar("select count(*) from bridge.message") == 0


def should_prune_where_deliveries_take_all_the_time_there_is(
    redeliver: Redeliver, orders: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.execute(
        "insert into bridge.message (id, webhook, target, body, state)"
        " select gen_random_uuid(), 'webhook', 'orders', '{}', 'delivered' from generate_series(1, 7000)"
    )
    orders.execute("update bridge.message set id = overlay(id::text placing '0190' from 1 for 4)::uuid")

    def take_all_the_time(run: Run, *, rung: bool) -> None:
        assert not rung
        monkeypatch.setattr(run, "_remaining_ms", lambda: 9_000)

    monkeypatch.setattr(Run, "redeliver", take_all_the_time)

    assert redeliver()["pruned"] == 7_000


def should_publish_what_waits(
    redeliver: Redeliver, orders: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    insert(orders, 1, 1)
    orders.rest()
    orders.execute("insert into public.orders values (2)")
    orders.execute("update bridge.message set created_at = now() - interval '1 hour'")

    redeliver()

    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert metrics["Backlog"] == [1.0]
    assert metrics["OldestMessageAge"][0] == pytest.approx(3600, abs=60)
    assert (metrics["DeadMessages"], metrics["Redelivered"]) == ([0.0], [1.0])
    assert metrics["MissingTriggers"] == [0.0]


def should_publish_that_a_trigger_is_missing(
    redeliver: Redeliver, orders: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    orders.execute("drop function bridge.capture_webhook_insert() cascade")

    redeliver()

    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert metrics["MissingTriggers"] == [1.0]


def should_raise_when_the_database_is_out_of_reach(redeliver: Redeliver, database_secret: Secret) -> None:
    database_secret.put({"database_url": "postgresql://postgres:hunter2@127.0.0.1:9/postgres"})

    with pytest.raises(DatabaseUnavailableError):
        redeliver()


@pytest.mark.parametrize(
    ("value", "problem"),
    [("[]", "QUEUES must be a JSON object, not '[]'"), ("x", "QUEUES must be a JSON object")],
)
def should_name_a_setting_that_is_wrong(
    redeliver: Redeliver, monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    monkeypatch.setenv("QUEUES", value)

    with pytest.raises(SettingsError, match="the environment variable ") as raised:
        redeliver()
    assert problem in str(raised.value)
