"""One instance that handles batches of SQS records, as the worker and in plain psycopg in turn.

`python -m tools.bench.instance POOLED_URL` reads the batches as JSON; the first starts the
instance and is not counted. Prints the events a second of each.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg

from tools.bench.alternatives import plain_worker

Handle = Callable[[list[dict[str, Any]]], None]


class Context:
    """What Lambda tells an invocation of itself."""

    function_name = memory_limit_in_mb = invoked_function_arn = "bench"
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def main() -> int:
    (url,) = sys.argv[1:]
    first, *batches = json.load(sys.stdin)
    variants = {"worker": _worker(), "plain": _plain(url)}
    seconds = dict.fromkeys(variants, 0.0)
    for handle in variants.values():
        handle(first)
    for batch in batches:
        # Who is first finds the rows as they were inserted.
        variants = dict(reversed(variants.items()))
        for name, handle in variants.items():
            began = time.perf_counter()
            handle(batch)
            seconds[name] += time.perf_counter() - began
    events = sum(map(len, batches))
    sys.stdout.write(f"\n{json.dumps({name: events / seconds[name] for name in seconds})}\n")
    return 0


def _worker() -> Handle:
    from process_order.handler import handler  # noqa: PLC0415 - what the other variant doesn't have

    def handle(records: list[dict[str, Any]]) -> None:
        answer: Any = handler({"Records": records}, Context())  # type: ignore[call-overload]
        if answer["batchItemFailures"]:
            raise RuntimeError(f"events failed: {answer}")

    return handle


def _plain(url: str) -> Handle:
    # As the pooler wants it: no prepared statements.
    connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
    return lambda records: plain_worker.handle(records, connection)


if __name__ == "__main__":
    sys.exit(main())
