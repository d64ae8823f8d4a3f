"""Delay from commit to arrival: at rest and under load, beside a bare net.http_post."""

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg

from tools.bench import load
from tools.bench.deployment import FORWARDED, NOTIFIED, Deployment
from tools.bench.figure import Figure
from tools.bench.load import Key, Load
from tools.bench.scale import Scale

ORDERS = "public.orders"
INSERT = """
insert into {table} (user_id, items, total, currency)
values (gen_random_uuid(), '[{{"sku": "coffee", "quantity": 1, "price": 9.99}}]', %s, '0')
"""
FEW_RECEIVERS = 10
# Outside, both are one request to the same sink; in SQS, ours has API Gateway, a receiver and SQS to pass.
REACH_REST = {"outside": 1.3}
REACH_RATE = 1.0
QUIET_SECONDS = 3.0
# Longer than pg_net rests after what it has sent.
REST_SECONDS = 1.3
POLL_SECONDS = 0.1

Arrivals = dict[Key, float]


@dataclass(frozen=True, kw_only=True)
class Way:
    """Route of events, from the table to where they arrive.

    Attributes:
        title: as the table says it.
        table: that they are written to.
        receivers: how many may run at a time; None: any number.
        to_queue: whether they arrive in SQS, and not at the sink.
    """

    title: str
    table: str
    receivers: int | None = None
    to_queue: bool = False


BARE = "per_row"
WAYS = {
    "sqs": Way(title="in SQS", table=ORDERS, to_queue=True),
    "sqs_limited": Way(
        title=f"in SQS, {FEW_RECEIVERS} receivers at most",
        table=ORDERS,
        receivers=FEW_RECEIVERS,
        to_queue=True,
    ),
    "outside": Way(title="at a target outside", table=FORWARDED),
    BARE: Way(title="at an address, by net.http_post for each row", table=NOTIFIED),
}


@dataclass(frozen=True, kw_only=True)
class Round:
    """Result of one load.

    Attributes:
        delays: of each event, milliseconds from when its client had its commit answered to when it came.
            Of what has not come when the patience is over, what had passed by then: it took longer.
        waiting: how many of them those are.
        rate: transactions a second.
        runs: instances of redelivery.
    """

    delays: Sequence[float]
    waiting: int
    rate: float
    runs: int = 0

    def percentile(self, share: float) -> float:
        """Return the delay within which such a share of the events came."""
        return sorted(self.delays)[max(math.ceil(len(self.delays) * share) - 1, 0)]


def measure(deployment: Deployment, scale: Scale) -> Iterator[Figure]:
    """Warm each way up, then measure them in turn."""
    for way in WAYS.values():
        _round(deployment, way, rate=20, seconds=1, patience=scale.patience_seconds)
    yield from _at_rest(deployment, scale)
    for rate in scale.arrival_rates:
        yield from _at_rate(deployment, scale, rate)


def _at_rest(deployment: Deployment, scale: Scale) -> Iterator[Figure]:
    delays: dict[str, list[float]] = defaultdict(list)
    ways = {name: way for name, way in WAYS.items() if way.receivers is None}
    for number in range(1, scale.rest_inserts + 1):
        for name, way in ways.items():
            begin(deployment, way)
            time.sleep(QUIET_SECONDS - REST_SECONDS)
            delays[name].append(_alone(deployment, way, number, patience=scale.patience_seconds))
    for name, way in ways.items():
        if name != BARE:
            yield Figure(
                name=f"rest_{name}",
                title=f"from the commit of one insert after {QUIET_SECONDS:.0f} quiet seconds to its event "
                f"{way.title}, beside a bare net.http_post",
                unit="ms",
                ours=delays[name],
                theirs=delays[BARE],
                reach=REACH_REST.get(name),
                note=f"the slowest of {scale.rest_inserts} took {max(delays[name]):.0f} ms, beside "
                f"{max(delays[BARE]):.0f}",
            )


def _alone(deployment: Deployment, way: Way, number: int, *, patience: float) -> float:
    with psycopg.connect(deployment.system.direct_url, autocommit=True) as connection:
        connection.execute(INSERT.format(table=way.table).encode(), [number])
        written = Load(commits={(0, number): time.time()})
    return _judge(written, _arrivals(deployment, way, written, patience=patience), patience).delays[0]


def _at_rate(deployment: Deployment, scale: Scale, rate: int) -> Iterator[Figure]:
    rounds: dict[str, list[Round]] = defaultdict(list)
    for _ in range(scale.arrival_rounds):
        for name, way in WAYS.items():
            rounds[name].append(
                _round(
                    deployment, way, rate=rate, seconds=scale.arrival_seconds, patience=scale.patience_seconds
                )
            )
    bare = rounds[BARE]
    for name, ours in rounds.items():
        if name != BARE:
            for share in (0.5, 0.99):
                yield Figure(
                    name=f"arrival_{rate}_{name}_p{share * 100:.0f}",
                    title=f"p{share * 100:.0f} from commit to arrival {WAYS[name].title}, at {rate:,} "
                    "transactions a second, beside a bare net.http_post",
                    unit="ms",
                    ours=[load.percentile(share) for load in ours],
                    theirs=[load.percentile(share) for load in bare],
                    reach=REACH_RATE,
                )
    runs = max(load.runs for name in rounds if name != BARE for load in rounds[name])
    yield Figure(
        name=f"waiting_{rate}",
        title=f"not arrived {scale.patience_seconds} s after the last of {rate:,} transactions a second for "
        f"{scale.arrival_seconds} s",
        unit="events",
        ours=[
            max(rounds[name][turn].waiting for name in rounds if name != BARE) for turn in range(len(bare))
        ],
        reach=0,
        note=f"of net.http_post's, {median(load.waiting for load in bare):,.0f}; in fact "
        f"{min(load.rate for ways in rounds.values() for load in ways):,.0f} to "
        f"{max(load.rate for ways in rounds.values() for load in ways):,.0f} transactions a second; "
        f"{runs} instances of redelivery",
    )


def _round(deployment: Deployment, way: Way, *, rate: int, seconds: int, patience: float) -> Round:
    begin(deployment, way)
    written = load.write(deployment.system.direct_url, way.table, rate=rate, seconds=seconds)
    arrivals = _arrivals(deployment, way, written, patience=patience)
    return _judge(written, arrivals, patience, runs=len(deployment.instances("RedeliverFunction")))


def begin(deployment: Deployment, way: Way) -> None:
    """Empty everything, and wait until redelivery is asleep and pg_net rests no more."""
    deployment.limit_receivers(way.receivers)
    while deployment.value("select bridge.is_awake()"):
        time.sleep(POLL_SECONDS)
    deployment.empty()
    deployment.sink.forget()
    time.sleep(REST_SECONDS)


def _arrivals(deployment: Deployment, way: Way, written: Load, *, patience: float) -> Arrivals:
    """Wait until all that was written has arrived, or for so many seconds; return when each did."""
    arrived: Callable[[], int] = deployment.queued if way.to_queue else lambda: deployment.sink.events
    until = max(written.commits.values()) + patience
    while arrived() < len(written.commits) and time.time() < until:
        time.sleep(POLL_SECONDS)
    # The emulator notes when it took a message in: fetching them afterwards costs what is measured nothing.
    return _first(_queued(deployment) if way.to_queue else _posted(deployment))


def _queued(deployment: Deployment) -> Iterator[tuple[float, Any]]:
    queues = deployment.client("sqs")
    while messages := queues.receive_message(
        QueueUrl=deployment.queue,
        MaxNumberOfMessages=10,
        AttributeNames=["SentTimestamp"],
        VisibilityTimeout=300,
    ).get("Messages"):
        for message in messages:
            yield int(message["Attributes"]["SentTimestamp"]) / 1000, json.loads(message["Body"])["record"]


def _posted(deployment: Deployment) -> Iterator[tuple[float, Any]]:
    for at, body in deployment.sink.arrivals:
        message = json.loads(body)
        # The bridge's hold their events in "data", and its rings no row; the trigger's are one.
        for event in message.get("data", [message]):
            if event.get("record"):
                yield at, event["record"]


def _first(records: Iterable[tuple[float, Mapping[str, Any]]]) -> Arrivals:
    arrivals: Arrivals = {}
    for at, record in records:
        key = int(record["currency"]), round(float(record["total"]))
        arrivals[key] = min(at, arrivals.get(key, math.inf))
    return arrivals


def _judge(written: Load, arrivals: Arrivals, patience: float, *, runs: int = 0) -> Round:
    until = max(written.commits.values()) + patience
    at = {key: min(arrivals.get(key, math.inf), until) for key in written.commits}
    return Round(
        # A commit is known to its client a moment after it is to others.
        delays=[max(at[key] - committed, 0) * 1000 for key, committed in written.commits.items()],
        waiting=sum(moment >= until for moment in at.values()),
        rate=written.rate,
        runs=runs,
    )
