"""The system under test, with something at each joint that can break it."""

import contextlib
import time
from datetime import UTC, datetime
from typing import Any, Self

from stacks.names import dead_letter_queue_name, queue_name
from tools.faults.bridge import Bridge, by_way_of
from tools.faults.cloud import Cloud
from tools.faults.database import Database
from tools.faults.errors import UnbrokenError
from tools.faults.partner import NAME as PARTNER
from tools.faults.proxies.http import HttpProxy
from tools.faults.proxies.postgres import PostgresProxy
from tools.faults.proxies.sqs import hurrying
from tools.local.deploy import STAGE
from tools.local.part import Part
from tools.local.system import System

SQS, DATABASE = "AWS_ENDPOINT_URL_SQS", "DATABASE_SECRET_ID"
# In place of the six minutes after which an event comes again whose worker died.
VISIBILITY_SECONDS = "10"
# No scenario kills an event so often, but for those that say so.
ATTEMPTS = 10
WARM_SECONDS, PING_SECONDS, PROMPT_SECONDS = 90.0, 7.0, 2.0
# Longer than a run of redelivery.
AWAKE_SECONDS = 70.0
ACCEPTED = 202
# As receiver_concurrency has it in AWS. The emulator would start a process for each of the 200 requests that
# pg_net sends together, each half a second of a core, and together longer than pg_net waits.
RECEIVERS = 10
# Everything that waits longer than the fast path has: what was attempted in vain, or leased to who died.
HURRY = """
update bridge.message set due_at = clock_timestamp()
where state = 'pending' and id >= %(first_id)s and (
  attempts > 0 or due_at > clock_timestamp() + (select fast_path_grace from bridge.installation))
"""


AWAKE = "select bridge.is_awake()"
# What a fault leaves for minutes: pg_net is spared, or is with one target that was slow or gave no receipt.
RESTED = "select setval('bridge.pg_net_late', 1)"
RESUME = "select bridge.resume(%(name)s)"
GIVES_RECEIPTS = "update bridge.target set gives_receipts = true where name = %(name)s"


class World(Part):
    """A deployed system whose parts reach each other through proxies, from `start` to `stop`.

    Args:
        system: a running one.
        outputs: of its bridge stack.
        bridge: to deploy it again; None: somebody else's deployment, which no scenario may change.

    Attributes:
        api: between pg_net and the API.
        partner: between the database, or redelivery, and the target outside; None where there is none.
        receiver_sqs, redeliver_sqs, worker_sqs: between each of these functions and SQS.
        redeliver_database, worker_database: between each of these functions and the pooler.
    """

    def __init__(
        self,
        system: System,
        outputs: dict[str, Any],
        *,
        bridge: Bridge | None = None,
        partner: HttpProxy | None = None,
    ) -> None:
        self.system = system
        self.outputs = outputs
        self.bridge = bridge
        self.partner = partner
        self.cloud = Cloud(system.aws_endpoint, system.state().processes["aws"].pid)
        self.database = Database(system.direct_url)
        self.api = HttpProxy(system.aws_endpoint)
        self.receiver_sqs = HttpProxy(system.aws_endpoint, usual=hurrying)
        self.redeliver_sqs = HttpProxy(system.aws_endpoint, usual=hurrying)
        self.worker_sqs = HttpProxy(system.aws_endpoint, usual=hurrying)
        self.redeliver_database = PostgresProxy(system.pooled_url)
        self.worker_database = PostgresProxy(system.pooled_url)
        self.receiver = str(outputs["ReceiveWebhookFunction"])
        self.redeliver_function = str(outputs["RedeliverFunction"])
        self.queue = f"{outputs['QueueAddress']}{queue_name(STAGE, 'process_order')}"
        self.dead_letters = f"{outputs['QueueAddress']}{dead_letter_queue_name(STAGE, 'process_order')}"
        self.worker = self.cloud.function_of(self.queue)
        self.wake_queue = self.cloud.queue_of(self.redeliver_function)
        self._undo = contextlib.ExitStack()

    def start(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Take the proxies out again, and what counted; harmless twice."""
        self._undo.close()
        self.database.close()

    def interpose(self) -> None:
        """Lead the functions' and the database's ways through the proxies, unless they are, as all begins."""
        self.system.pg_net.start()
        for function, changed in self._ways().items():
            present = self.cloud.variables(function)
            if any(present.get(name) != value for name, value in changed.items()):
                self.cloud.set_variables(function, {**present, **changed})
        self.database.run(
            "update bridge.installation set webhook_url = %(url)s where webhook_url <> %(url)s",
            {"url": by_way_of(self.api.url, str(self.outputs["WebhookUrl"]))},
        )

    def warm(self) -> None:
        """Wait until the API answers the database at once: nothing is under way, and a receiver is warm.

        Raises:
            UnbrokenError: it doesn't.
        """
        deadline = time.monotonic() + WARM_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise UnbrokenError(f"the API did not answer within {WARM_SECONDS:.0f} s")

    def _answers(self) -> bool:
        request = self.database.value("select bridge.ping()")
        began = time.monotonic()
        while time.monotonic() < began + PING_SECONDS:
            answer = self.database.value("select bridge.ping_answer(%(request)s)", {"request": request})
            if answer is not None:
                return bool(answer["status"] == ACCEPTED) and time.monotonic() - began < PROMPT_SECONDS
            time.sleep(0.1)
        return False

    def rest(self) -> None:
        """Forget what scenarios before have left for minutes, and wait until redelivery sleeps.

        Raises:
            UnbrokenError: redelivery does not fall asleep.
        """
        self.database.value(RESTED)
        # A ring whose run failed comes again minutes later, and would wake redelivery in the middle of it.
        self.cloud.purge(self.wake_queue)
        if self.partner is not None:
            self.database.value(RESUME, {"name": PARTNER})
            self.database.run(GIVES_RECEIPTS, {"name": PARTNER})
        deadline = time.monotonic() + AWAKE_SECONDS
        while self.database.value(AWAKE):
            if time.monotonic() > deadline:
                raise UnbrokenError(f"redelivery was awake for {AWAKE_SECONDS:.0f} s with nothing to deliver")
            time.sleep(0.1)

    def redeliver(self) -> dict[str, Any]:
        """Do what the schedule does each minute; returns what the run did, or with what it failed."""
        return self.cloud.invoke(self.redeliver_function, {})

    def hurry(self, first_id: str) -> None:
        """Let what waits for another attempt be due now, as whoever operates it may, from a message on."""
        self.database.run(HURRY, {"first_id": first_id})

    @property
    def busy(self) -> bool:
        """Whether events are in the worker's queue, or with the worker."""
        return self.cloud.waiting(self.queue) > 0

    def _start(self) -> None:
        self._undo.callback(self.database.end_counting)
        self.database.begin_counting()
        for part in (
            *(self.api, self.receiver_sqs, self.redeliver_sqs, self.worker_sqs),
            *(self.redeliver_database, self.worker_database),
        ):
            self._undo.enter_context(part)
        for name, url in self._entries().items():
            self.cloud.put_secret(name, {"database_url": url})
            self._undo.callback(self.cloud.delete_secret, name)
        self._undo.enter_context(
            self.cloud.attributes(
                self.queue,
                VisibilityTimeout=VISIBILITY_SECONDS,
                RedrivePolicy=self.cloud.redrive_policy(self.queue, ATTEMPTS),
            )
        )
        self._undo.enter_context(self.cloud.at_most(RECEIVERS, self.receiver))
        for function in self._ways():
            self._undo.callback(self.cloud.set_variables, function, self.cloud.variables(function))
        self._undo.callback(
            self._restore_url, self.database.value("select webhook_url from bridge.installation")
        )
        self.interpose()

    def _ways(self) -> dict[str, dict[str, str]]:
        redeliver, worker = self._entries()
        return {
            self.receiver: {SQS: self.receiver_sqs.url},
            self.redeliver_function: {SQS: self.redeliver_sqs.url, DATABASE: redeliver},
            self.worker: {SQS: self.worker_sqs.url, DATABASE: worker},
        }

    def _entries(self) -> dict[str, str]:
        """Entries of Secrets Manager of the suite's own, and what they say."""
        return {
            "external-compute/local/faults-redeliver": self.redeliver_database.url,
            "external-compute/local/faults-worker": self.worker_database.url,
        }

    def _restore_url(self, url: str) -> None:
        self.database.run("update bridge.installation set webhook_url = %(url)s", {"url": url})


def now() -> datetime:
    return datetime.now(tz=UTC)
