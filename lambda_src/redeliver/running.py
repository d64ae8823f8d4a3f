"""One run of redelivery: settle, lease, deliver, until nothing is due or time is nearly over."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from psycopg.errors import QueryCanceled

from redeliver.client import Client
from redeliver.delivery import Delivery
from redeliver.enqueueing import enqueue
from redeliver.outbox import Outbox, Waiting
from redeliver.posting import MAX_LANES, HttpTarget, Poster, slowest

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
PRUNE_ROWS = 5_000
# Of each minute, before anything is delivered.
PRUNE_SECONDS = 5.0
# Of one target, once in a run of the schedule.
PARK_MESSAGES = 20_000
# Of one webhook, before others and before what they make due is delivered.
ADMIT_MESSAGES = 5_000
BACKFILL_ROWS = 1_000
POLL_SECONDS = 1.0
LINGER_SECONDS = 3.0


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
    """

    settled: int = 0
    settled_failed: int = 0
    redelivered: int = 0
    events: int = 0
    posted: int = 0
    failed: int = 0
    dead: int = 0
    pruned: int = 0


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
        """Deliver until nothing is due; rung, look again each second until nothing came for three.

        The database rings at most once a second and only while pg_net is behind: what is written in between
        is found by looking again.
        """
        lanes = ThreadPoolExecutor(max_workers=MAX_LANES, thread_name_prefix="post")
        until = time.monotonic() + (self._remaining_ms() - STOP_MS) / 1000 - slowest(self._targets)
        poster = Poster(self._targets, self._client, lanes, until=until)
        try:
            try:
                with ThreadPoolExecutor(max_workers=8, thread_name_prefix="enqueue") as executor:
                    self._deliver(executor, poster, rung=rung)
            finally:
                # What was accepted outside is recorded, whatever became of the rest.
                self._finish_posts(poster.finish())
        finally:
            # Not waited for: an answer that never ends has been given up.
            lanes.shutdown(wait=False, cancel_futures=True)
            self._client.close()

    def _deliver(self, executor: ThreadPoolExecutor, poster: Poster, *, rung: bool) -> None:
        found_at = time.monotonic()
        if not rung:
            self._outbox.park(PARK_MESSAGES)
        while self._in_time():
            self._settle()
            self._outbox.admit(ADMIT_MESSAGES)
            # All three, whatever the first has found.
            if self._enqueue_due(executor) | self._post_due(poster) | self._backfill():
                found_at = time.monotonic()
            elif poster.busy:
                found_at = time.monotonic()
                time.sleep(BUSY_SECONDS)
            elif not rung or time.monotonic() - found_at >= LINGER_SECONDS:
                break
            else:
                time.sleep(POLL_SECONDS)

    def prune(self, *, seconds: float = math.inf) -> None:
        """Delete what is past retention, for so long at most."""
        until = time.monotonic() + seconds
        while self._in_time() and time.monotonic() < until:
            rows = self._outbox.prune(PRUNE_ROWS)
            self.summary.pruned += rows
            if rows < PRUNE_ROWS:
                break

    def waiting(self) -> Waiting:
        """Count what is left."""
        return self._outbox.waiting()

    def _in_time(self) -> bool:
        return self._remaining_ms() > STOP_MS

    def _settle(self) -> None:
        # All of them, before anything is claimed: what pg_net has delivered is not delivered again.
        while self._in_time():
            settled = self._outbox.settle(SETTLE_MESSAGES)
            self.summary.settled += settled.delivered
            self.summary.settled_failed += settled.failed
            if settled.delivered + settled.failed < SETTLE_MESSAGES:
                break

    def _enqueue_due(self, executor: ThreadPoolExecutor) -> bool:
        """Put what is due into queues, in as many leases as it takes; tell whether there was anything."""
        until = time.monotonic() + ENQUEUE_SECONDS
        found = False
        while self._in_time() and (messages := self._outbox.claim("queue", CLAIM_MESSAGES, LEASE_SECONDS)):
            found = True
            self._finish(enqueue(messages, self._queue_urls, executor))
            if time.monotonic() >= until:
                break
        return found

    def _post_due(self, poster: Poster) -> bool:
        """Record what was answered outside, begin to post what is due; tell whether there was anything."""
        delivery = poster.collect()
        self._finish_posts(delivery)
        room = CLAIM_MESSAGES - poster.waiting
        messages = self._outbox.claim("http", room, LEASE_SECONDS) if poster.open and room > 0 else []
        poster.add(messages)
        return bool(messages) or not delivery.empty

    def _backfill(self) -> bool:
        """Write the next rows of a backfill to the outbox; tell whether there were any."""
        if not self._in_time() or not self._backfill_rows:
            return False
        try:
            return self._outbox.backfill(self._backfill_rows) > 0
        except QueryCanceled:
            # Fewer at a time, and in the end not in this run: deliveries go first.
            self._backfill_rows //= 10
            _logger.warning("a backfill took too long; its next chunk has %d rows", self._backfill_rows)
            return self._backfill_rows > 0

    def _finish_posts(self, delivery: Delivery) -> None:
        self._finish(delivery)
        self.summary.posted += len(delivery.delivered)

    def _finish(self, delivery: Delivery) -> None:
        if delivery.empty:
            return
        for message, failure in delivery.failed:
            _logger.warning("message %s did not reach %s: %s", message.id, message.target, failure.error)
        self.summary.dead += self._outbox.finish(delivery)
        self.summary.redelivered += len(delivery.delivered)
        self.summary.failed += len(delivery.failed)
        self.summary.events += delivery.events
