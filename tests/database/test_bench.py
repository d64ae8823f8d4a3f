"""The measurements of the database run, on a little of everything."""

from __future__ import annotations

from tools.bench.curve import Curve
from tools.bench.database import Database
from tools.bench.figure import Figure
from tools.bench.figures import capture, growth, statements
from tools.bench.scale import SMOKE


def should_measure_what_capturing_costs_and_how_it_grows() -> None:
    with Database() as database:
        found = [
            *capture.measure(database, SMOKE),
            *statements.measure(database, SMOKE),
            *growth.measure(database, SMOKE),
        ]

    figures = [each for each in found if isinstance(each, Figure)]
    assert [each.name for each in figures] == [
        *("statement_per_row", "statement_http_request"),
        *("transaction_asleep_per_row", "transaction_asleep_http_request"),
        *("transaction_awake_per_row", "transaction_awake_http_request"),
        *("transaction_delivering_per_row", "transaction_delivering_http_request"),
        *("arrival", "growth_claim", "growth_settle", "growth_capture"),
    ]
    assert all(sample > 0 for each in figures for sample in (*each.ours, *each.theirs))
    curves = [each for each in found if isinstance(each, Curve)]
    assert [each.name for each in curves] == [
        *("capture_rows", "capture_width", "capture_webhooks", "capture_targets", "outbox"),
    ]
    assert all(len(line) == len(each.points) for each in curves for line in each.lines.values())
    assert all(value > 0 for each in curves for line in each.lines.values() for value in line)
