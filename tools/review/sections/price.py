"""What a month costs."""

from tools.review.page import AnyBlock, Cell, Paragraph, Section, Table
from tools.review.prices import dollars
from tools.review.review import Review

_HOW = (
    "US dollars by tools/review/prices.toml: list prices of us-east-1, without free tiers. Not in it: what "
    "functions behind routes are called for, state machines, provisioned concurrency and snapshots, "
    "dashboards, storage of logs, data transfer, metrics that neither alarms nor dashboards name, schedules "
    "by cron."
)


def price(review: Review) -> Section:
    """Return the section."""
    found = review.price
    rows: list[list[Cell]] = [
        [[f"{name}, by the load"], [], [], [dollars(cost)]] for name, cost in found.parts.items()
    ]
    rows += [
        [[each.name], [_number(each.before)], [_number(each.count)], [dollars(each.dollars)]]
        for each in found.fixed
    ]
    rows.append([["together"], [], [], [dollars(found.together)]])
    load = f"{found.events:,} events a month: {found.path}."
    blocks: list[AnyBlock] = [
        Paragraph([load]),
        Table(["what is paid for", "before", "now", "dollars a month"], rows, numeric=(1, 2, 3)),
        Paragraph([_HOW]),
    ]
    return Section("Price of a month", blocks)


def _number(count: int) -> str:
    return f"{count:,}"
