"""One run of redelivery: settle, lease, deliver, until nothing is due or time is nearly over."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg
from psycopg.errors import QueryCanceled

from bridge import failures
from redeliver.client import Client
from redeliver.delivery import Delivery, Message
from redeliver.enqueueing import enqueue
from redeliver.outbox import Outbox, Settled, Waiting
from redeliver.posting import MAX_LANES, HttpTarget, Poster, slowest

T = TypeVar("T")
_logger = logging.getLogger(__name__)
SETTLE_MESSAGES = 2_000
# At most 200 kB each, so this and its events bound the memory of a run.
CLAIM_MESSAGES = 100
# Longer than the function may run.
LEASE_SECONDS = 90
# After which it is the other targets' turn, however much is left for queues.
ENQUEUE_SECONDS = 5.0
BUSY_SECONDS = 0.1
STOP_MS = 10_000
# Of a run that stays awake, for a last look once writers ring again.
LAST_LOOK_MS = 2_000
PRUNE_ROWS = 5_000
# Of each minute, before anything is delivered.
PRUNE_SECONDS = 5.0
# Of one target, once in a run of the schedule.
PARK_MESSAGES = 20_000
# Of one webhook, before others and before what they make due is delivered.
ADMIT_MESSAGES = 5_000
BACKFILL_ROWS = 1_000
# How soon what is written is found while the run is awake.
POLL_SECONDS = 0.1
# How often it looks for what is not new messages: answers of pg_net, limits, backfills.
HOUSEKEEPING_SECONDS = 1.0
LINGER_SECONDS = 3.0
# Longer than between two promises, and short: should this run be killed, writers ring again after it.
AWAKE_MS = 2_500
CLAIMS = {"claim queue", "claim http"}
# Who writes for longer than this when the run would end is found by the next one.
WRITERS_SECONDS = 10.0


@dataclass(slots=True)
class Summary:
    """What a run did, in messages unless named otherwise.

    Attributes:
        settled: delivered by pg_net, each target counted.
        settled_failed: answered with anything but a 2xx, or not at all.
        redelivered: delivered by this run.
        events: events enqueued by this run.
        posted: of the redelivered, those posted to targets outside.
        failed: failed attempts of this run.
        dead: of the failed, those given up.
        pruned: rows deleted.
        broken: steps that the database refused; the others went on.
    """

    settled: int = 0
    settled_failed: int = 0
    redelivered: int = 0
    events: int = 0
    posted: int = 0
    failed: int = 0
    dead: int = 0
    pruned: int = 0
    broken: set[str] = field(default_factory=set)


class Run:
    """One invocation.

    Args:
        outbox: where messages come from.
        queue_urls: each worker's queue URL.
        targets: those outside AWS.
        client: what posts to them.
        remaining_ms: milliseconds until Lambda stops the function.
    """

    def __init__(
        self,
        outbox: Outbox,
        queue_urls: Mapping[str, str],
        targets: Mapping[str, HttpTarget],
        client: Client,
        remaining_ms: Callable[[], int],
    ) -> None:
        self._outbox = outbox
        self._queue_urls = queue_urls
        self._targets = targets
        self._client = client
        self._remaining_ms = remaining_ms
        self._backfill_rows = BACKFILL_ROWS
        self.summary = Summary()

    def redeliver(self, *, rung: bool) -> None:
        """Deliver until nothing is due.

        One that was rung for stays awake until nothing came for three seconds: meanwhile writers need neither
        post nor ring, and what they write is found within a tenth of a second.
        """
        lanes = ThreadPoolExecutor(max_workers=MAX_LANES, thread_name_prefix="post")
        until = time.monotonic() + (self._remaining_ms() - STOP_MS) / 1000 - slowest(self._targets)
        poster = Poster(self._targets, self._client, lanes, until=until)
        try:
            try:
                with ThreadPoolExecutor(max_workers=8, thread_name_prefix="enqueue") as executor:
                    if rung:
                        self._stay(executor, poster)
                    else:
                        self._pass_by(executor, poster)
            finally:
                # What was accepted outside is recorded, whatever became of the rest.
                self._finish_posts(poster.finish())
        finally:
            # Not waited for: an answer that never ends has been given up.
            lanes.shutdown(wait=False, cancel_futures=True)
            self._client.close()

    def _pass_by(self, executor: ThreadPoolExecutor, poster: Poster) -> None:
        self._step("park", lambda: self._outbox.park(PARK_MESSAGES), 0)
        while self._in_time():
            self._keep_house()
            if not self._deliver(executor, poster) | self._backfill():
                if not poster.busy:
                    break
                time.sleep(BUSY_SECONDS)

    def _stay(self, executor: ThreadPoolExecutor, poster: Poster) -> None:
        self._step("hear", self._outbox.heard_ring, None)
        worked_at = time.monotonic()
        kept_at = -math.inf
        backfilling = True
        try:
            while self._in_time(LAST_LOOK_MS):
                if time.monotonic() - kept_at >= HOUSEKEEPING_SECONDS:
                    # Where a claim fails it isn't renewed, and lapses: writers ring for another run.
                    if time.monotonic() - worked_at < LINGER_SECONDS and not self.summary.broken & CLAIMS:
                        self._step("stay awake", lambda: self._outbox.stay_awake(AWAKE_MS), None)
                    self._keep_house()
                    backfilling = True
                    kept_at = time.monotonic()
                worked = self._deliver(executor, poster)
                backfilling = backfilling and self._backfill()
                if worked or backfilling or poster.busy:
                    worked_at = time.monotonic()
                if not worked and not backfilling:
                    idle_for = time.monotonic() - worked_at
                    if idle_for >= LINGER_SECONDS and self._may_end(executor, poster, idle_for):
                        return
                    time.sleep(POLL_SECONDS)
        finally:
            self._step("fall asleep", self._outbox.fall_asleep, default=True)
        # Out of time: what was written in reliance on this run until now.
        self._deliver(executor, poster)

    def _may_end(self, executor: ThreadPoolExecutor, poster: Poster, idle_for: float) -> bool:
        """Let writers ring again, and look once more; tell whether nobody writes in reliance on this run."""
        quiet = self._step("fall asleep", self._outbox.fall_asleep, default=True)
        return not self._deliver(executor, poster) and (quiet or idle_for >= LINGER_SECONDS + WRITERS_SECONDS)

    def _keep_house(self) -> None:
        self._settle()
        self._step("withdraw", lambda: self._outbox.withdraw(SETTLE_MESSAGES), 0)
        self._step("admit", lambda: self._outbox.admit(ADMIT_MESSAGES), 0)

    def _deliver(self, executor: ThreadPoolExecutor, poster: Poster) -> bool:
        """Deliver what is due, to queues and outside; tell whether there was anything."""
        # Both, whatever the first has found.
        return self._enqueue_due(executor) | self._post_due(poster)

    def _step(self, name: str, step: Callable[[], T], default: T) -> T:
        """Run one step on the database; if that refuses it, leave it out for the rest of this run.

        What one row, one answer or one right has broken must not keep the other steps from delivering.

        Raises:
            DatabaseUnavailableError: there is no database for any step.
        """
        if name in self.summary.broken:
            return default
        try:
            return step()
        except psycopg.Error as error:
            self._note(name, error)
            return default

    def _note(self, name: str, error: psycopg.Error) -> None:
        self.summary.broken.add(name)
        _logger.error("the database refused a step of redelivery: %s", name, extra=failures.describe(error))

    def prune(self, *, seconds: float = math.inf) -> None:
        """Delete what is past retention, for so long at most."""
        until = time.monotonic() + seconds
        while self._in_time() and time.monotonic() < until:
            rows = self._step("prune", lambda: self._outbox.prune(PRUNE_ROWS), 0)
            self.summary.pruned += rows
            if rows < PRUNE_ROWS:
                break

    def waiting(self) -> Waiting | None:
        """Count what is left; None if that could not be counted."""
        return self._step("count", self._outbox.waiting, None)

    def _in_time(self, spare_ms: int = 0) -> bool:
        return self._remaining_ms() > STOP_MS + spare_ms

    def _settle(self) -> None:
        # All of them, before anything is claimed: what pg_net has delivered is not delivered again.
        while self._in_time():
            settled = self._step("settle", lambda: self._outbox.settle(SETTLE_MESSAGES), Settled(0, 0))
            self.summary.settled += settled.delivered
            self.summary.settled_failed += settled.failed
            if settled.delivered + settled.failed < SETTLE_MESSAGES:
                break

    def _claim(self, kind: str, max_messages: int) -> list[Message]:
        return self._step(f"claim {kind}", lambda: self._outbox.claim(kind, max_messages, LEASE_SECONDS), [])

    def _enqueue_due(self, executor: ThreadPoolExecutor) -> bool:
        """Put what is due into queues, in as many leases as it takes; tell whether there was anything."""
        until = time.monotonic() + ENQUEUE_SECONDS
        worked = False
        while self._in_time() and (messages := self._claim("queue", CLAIM_MESSAGES)):
            worked = True
            self._finish(enqueue(messages, self._queue_urls, executor))
            if time.monotonic() >= until:
                break
        return worked

    def _post_due(self, poster: Poster) -> bool:
        """Record what was answered outside, begin to post what is due; tell whether there was anything."""
        delivery = poster.collect()
        self._finish_posts(delivery)
        room = CLAIM_MESSAGES - poster.waiting
        messages = self._claim("http", room) if poster.open and room > 0 else []
        poster.add(messages)
        return bool(messages) or not delivery.empty

    def _backfill(self) -> bool:
        """Write the next rows of a backfill to the outbox; tell whether there were any."""
        if not self._in_time() or not self._backfill_rows:
            return False
        return self._step("backfill", self._backfill_chunk, default=False)

    def _backfill_chunk(self) -> bool:
        try:
            return self._outbox.backfill(self._backfill_rows) > 0
        except QueryCanceled:
            # Fewer at a time, and in the end not in this run: deliveries go first.
            self._backfill_rows //= 10
            _logger.warning("a backfill took too long; its next chunk has %d rows", self._backfill_rows)
            return self._backfill_rows > 0

    def _finish_posts(self, delivery: Delivery) -> None:
        self._finish(delivery)
        if delivery.receipts:
            self._step("note receipts", lambda: self._outbox.note_receipts(delivery.receipts), None)
        self.summary.posted += len(delivery.delivered)

    def _finish(self, delivery: Delivery) -> None:
        if delivery.empty:
            return
        for message, failure in delivery.failed:
            _logger.warning("message %s did not reach %s: %s", message.id, message.target, failure.error)
        try:
            self.summary.dead += self._outbox.finish(delivery)
        except psycopg.Error as error:
            # Their leases end by themselves: what was delivered comes again, under the same ids.
            self._note("record", error)
            return
        self.summary.redelivered += len(delivery.delivered)
        self.summary.failed += len(delivery.failed)
        self.summary.events += delivery.events
