"""What a large outbox costs: capturing, claiming and settling, beside the same on an empty one."""

import time
from collections import defaultdict
from collections.abc import Iterator
from statistics import median
from typing import LiteralString

import psycopg

from tools.bench.curve import Curve
from tools.bench.database import INSERT, TARGET, WEBHOOK, Database, pgbench
from tools.bench.figure import Figure
from tools.bench.scale import Scale

REACH, AIM = 1.3, 1.1
# As redelivery claims them, and as pg_net answers them in five seconds.
CLAIMED, SETTLED = 100, 1_000
FEW = 1_000
SHARES = (0.1, 1.0)
REPEATS = 20
# After a checkpoint, each page is written to the log in full when it is first touched.
WARM_UP = 2
FILL: LiteralString = """
insert into bridge.message (id, webhook, target, body, state, created_at, due_at, delivered_at)
select
  (lpad(to_hex(%(first)s + n / 4096), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0')
    || '8000000000000000')::uuid,
  %(webhook)s, %(target)s,
  jsonb_build_object('data', jsonb_build_array(jsonb_build_object('id', n, 'operation', 'INSERT'))),
  %(state)s, now(), now(), case %(state)s when 'delivered' then now() end
from generate_series(1, %(rows)s) as n
"""
CLAIM: LiteralString = "select count(*) from bridge.claim(%(most)s, 90, '{queue}')"
OLDEST: LiteralString = """
create temporary table oldest as select id from bridge.message where state = 'pending' order by id limit %s
"""
ANSWERED: LiteralString = """
truncate net._http_response, bridge.posted;
with requests as (
  select id, row_number() over () + 1000000000 as request_id from oldest limit %(most)s),
posted as (
  insert into bridge.posted (request_id, message_id, targets, signed_at)
  select request_id, id, array[%(target)s], 1 from requests)
insert into net._http_response (id, status_code, content)
select request_id, 202, jsonb_build_object('receipts', jsonb_build_object(
  %(target)s::text, convert_from((
    select bridge.receipts(id::text, 1, 'accepted ' || %(target)s, null) limit 1), 'UTF8')))::text
from requests
"""
SETTLE: LiteralString = "select delivered from bridge.settle(2000)"


def measure(database: Database, scale: Scale) -> Iterator[Figure | Curve]:
    """Measure with a thousand messages that wait, fill the outbox in steps, measure again at each."""
    database.use("bridge")
    _fill(database, state="pending", rows=FEW)
    found = {0: _measure(database, scale)}
    database.use("bridge")
    there = 0.0
    for share in SHARES:
        _fill(database, state="delivered", rows=int(scale.delivered * (share - there)), after=there)
        _fill(database, state="pending", rows=int(scale.pending * (share - there)), after=there)
        there = share
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            admin.execute("vacuum analyze bridge.message")
            admin.execute("checkpoint")
        found[int((scale.delivered + scale.pending) * share)] = _measure(database, scale)
    size = f"{scale.delivered:,} delivered and {scale.pending:,} pending rows"
    empty, *_, grown = found.values()
    for name in empty:
        yield Figure(
            name=f"growth_{name}",
            title=f"{name} with {size}, beside an empty outbox",
            unit="ms",
            ours=grown[name],
            theirs=empty[name],
            reach=REACH,
            aim=AIM,
        )
    yield Curve(
        name="outbox",
        title=f"capture of one row, claim of {CLAIMED} messages, settlement of {SETTLED:,}",
        x="rows in the outbox, a tenth of them pending",
        unit="ms",
        points=list(found),
        lines={name: [median(took[name]) for took in found.values()] for name in empty},
    )


def _measure(database: Database, scale: Scale) -> dict[str, list[float]]:
    took: dict[str, list[float]] = defaultdict(list)
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        psycopg.ClientCursor(connection).execute(OLDEST, [SETTLED])
        for turn in range(WARM_UP + scale.rounds):
            for name, most, prepare, run in (
                ("claim", CLAIMED, None, CLAIM),
                ("settle", SETTLED, ANSWERED, SETTLE),
            ):
                values = {"most": most, "target": TARGET}
                milliseconds = _milliseconds(connection, prepare, run, values)
                if turn >= WARM_UP:
                    took[name].append(milliseconds)
    # Afterwards: what it writes is in nobody's way.
    for _ in range(scale.rounds):
        took["capture"].append(pgbench(database.url, INSERT, "--time", str(scale.seconds)))
    return took


def _milliseconds(
    connection: psycopg.Connection,
    prepare: LiteralString | None,
    run: LiteralString,
    values: dict[str, object],
) -> float:
    """Run something again and again on the same rows; return the median."""
    seconds = []
    for _ in range(REPEATS):
        with connection.transaction(force_rollback=True):
            if prepare is not None:
                # Two statements, whose values psycopg has to quote itself.
                psycopg.ClientCursor(connection).execute(prepare, values)
            began = time.perf_counter()
            connection.execute(run, values)
            seconds.append(time.perf_counter() - began)
    return median(seconds) * 1000


def _fill(database: Database, *, state: str, rows: int, after: float = 0) -> None:
    # In the order in which messages are written; delivered ones are older.
    first = 0x0190_0000_0000 if state == "delivered" else 0x0198_0000_0000
    first += int(after * 0x1_0000_0000)
    values = {"first": first, "webhook": WEBHOOK, "target": TARGET, "state": state, "rows": rows}
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("set synchronous_commit = off")
        admin.execute(FILL, values)
