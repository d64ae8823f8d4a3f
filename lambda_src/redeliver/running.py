"""One run of redelivery: settle, lease, deliver, until nothing is due or time is nearly over."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from redeliver.delivery import deliver
from redeliver.outbox import Outbox, Waiting

SETTLE_MESSAGES = 2_000
# At most 200 kB each, so this and its events bound the memory of a run.
CLAIM_MESSAGES = 100
LEASE_SECONDS = 60
STOP_MS = 10_000
PRUNE_ROWS = 5_000
POLL_SECONDS = 1.0
LINGER_SECONDS = 3.0


@dataclass(slots=True)
class Summary:
    """What a run did, in messages unless named otherwise.

    Attributes:
        settled: delivered by pg_net.
        settled_failed: answered with anything but a 2xx, or not at all.
        redelivered: delivered by this run.
        events: events enqueued by this run.
        failed: failed attempts of this run.
        dead: of the failed, those given up.
        pruned: rows deleted.
    """

    settled: int = 0
    settled_failed: int = 0
    redelivered: int = 0
    events: int = 0
    failed: int = 0
    dead: int = 0
    pruned: int = 0


class Run:
    """One invocation.

    Args:
        outbox: where messages come from.
        queue_urls: each target's queue URL.
        remaining_ms: milliseconds until Lambda stops the function.
    """

    def __init__(
        self, outbox: Outbox, queue_urls: Mapping[str, str], remaining_ms: Callable[[], int]
    ) -> None:
        self._outbox = outbox
        self._queue_urls = queue_urls
        self._remaining_ms = remaining_ms
        self.summary = Summary()

    def redeliver(self, *, rung: bool) -> None:
        """Deliver until nothing is due; rung, look again each second until nothing came for three.

        The database rings at most once a second and only while pg_net is behind: what is written in between
        is found by looking again.
        """
        found_at = time.monotonic()
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="enqueue") as executor:
            while self._in_time():
                self._settle()
                if self._deliver_due(executor):
                    found_at = time.monotonic()
                elif not rung or time.monotonic() - found_at >= LINGER_SECONDS:
                    break
                else:
                    time.sleep(POLL_SECONDS)

    def prune(self) -> None:
        """Delete what is past retention."""
        while self._in_time():
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

    def _deliver_due(self, executor: ThreadPoolExecutor) -> bool:
        """Deliver what is due, in as many leases as it takes; tell whether there was anything."""
        found = False
        while self._in_time() and (messages := self._outbox.claim(CLAIM_MESSAGES, LEASE_SECONDS)):
            found = True
            delivery = deliver(messages, self._queue_urls, executor)
            self.summary.dead += self._outbox.finish(delivery.delivered, delivery.failed)
            self.summary.redelivered += len(delivery.delivered)
            self.summary.failed += len(delivery.failed)
            self.summary.events += delivery.events
        return found
