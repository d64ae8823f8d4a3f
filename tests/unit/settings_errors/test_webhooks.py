"""What a wrong webhook is answered with: its name, the field, the value, and what would be right."""

from pathlib import Path

import pytest

from tests.unit.settings_errors.mistakes import mistakes, webhook, worker_folder


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("name", '"Order"', 'name = "Order" is wrong; allowed: a lower-case letter, then at most 44'),
        ("name", '"bridge.x"', 'names that start with "bridge." belong to the bridge'),
        ("name", "", "name is missing; allowed: a lower-case letter"),
        (
            "table",
            '"orders"',
            "table = \"orders\" is wrong (it names no schema; did you mean 'public.orders'?)",
        ),
        ("table", '"a.b.c"', "more than two parts; leave the database out"),
        ("table", "'public.\"orders'", "can't be read as a name"),
        ("table", '"public."', "'the end' can't be read as a name"),
        ("table", '"public.order items"', "written in double quotes"),
        ("table", f'"public.{"ä" * 32}"', "has 64 bytes; Postgres keeps 63"),
        (
            "operations",
            '["insrt"]',
            'operations = "insrt" is wrong; allowed: a list of one or more of "insert"',
        ),
        ("operations", '["insrt"]', 'did you mean "insert"?'),
        ("operations", "[]", "operations = [] is wrong; allowed: a list of one or more"),
        ("operations", '["insert", "insert"]', "'insert' is listed twice"),
        ("operations", '"insert"', 'operations = "insert" is wrong; allowed: a list'),
        ("columns", '["id", "id"]', "'id' is listed twice"),
        ("columns", '[""]', 'columns = "" is wrong; allowed: a list of column names'),
        ("columns", "[]", "columns = [] is wrong"),
        ("when", '" "', 'when = " " is wrong; allowed: a SQL condition over new and old'),
        ("enabled", '"yes"', 'enabled = "yes" is wrong; allowed: true or false'),
        ("target", "5", "target = 5 is wrong; allowed: the name of a worker's folder"),
        ("target", '"proces_order"', 'did you mean "handle_order"? known: handle_order'),
        (
            "tabel",
            '"x"',
            '"tabel" is no setting; did you mean "table"? known: columns, enabled, max_per_minute, name',
        ),
        ("ordered", '"yes"', 'ordered = "yes" is wrong; allowed: true or false'),
        ("max_per_minute", "0", "max_per_minute = 0 is wrong; allowed: 1 to 100000000"),
    ],
)
def should_explain_a_wrong_webhook(tmp_path: Path, field: str, given: str, expected: str) -> None:
    (line,) = mistakes(tmp_path, webhook(**{field: given}))
    assert line.startswith("webhook ")
    assert expected in line


def should_refuse_a_name_that_is_used_twice(tmp_path: Path) -> None:
    text = webhook().replace("[stages.prod]\n", "") + webhook()
    assert mistakes(tmp_path, text) == ['webhook "order.created": name is used 2 times; each needs its own']


def should_number_a_webhook_without_a_name(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, webhook(name=""))
    assert line.startswith("webhook number 1: ")


def should_refuse_an_order_that_a_target_can_not_keep(tmp_path: Path) -> None:
    worker_folder(tmp_path, "wait", **{"state_machine.asl.json": "{}"})
    declared = webhook(ordered="true", target='["handle_order", "wait"]')
    batches, executions = mistakes(tmp_path, f"[workers.handle_order]\nbatch_size = 5\n{declared}")
    assert batches.startswith(
        'worker "handle_order": batch_size = 5 is wrong: webhook "order.created" is ordered'
    )
    assert executions.startswith(
        'webhook "order.created": ordered = true is wrong: the executions of state machine "wait" run side'
    )
