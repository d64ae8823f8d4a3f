"""The measurements of the database run, on a little of everything."""

from __future__ import annotations

from bench.database import Database
from bench.figures import capture, growth
from bench.scale import SMOKE


def should_measure_what_capturing_costs_and_a_large_outbox() -> None:
    with Database() as database:
        figures = [*capture.measure(database, SMOKE), *growth.measure(database, SMOKE)]

    assert [each.name for each in figures] == [
        *("statement_per_row", "statement_http_request", "transaction_per_row", "transaction_http_request"),
        *("arrival", "growth_capture", "growth_claim", "growth_settle"),
    ]
    assert all(sample > 0 for each in figures for sample in (*each.ours, *each.theirs))
