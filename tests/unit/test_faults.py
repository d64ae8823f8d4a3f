"""The fault suite's own judgement: what it compares, it can find wanting."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tools.faults import report
from tools.faults.counting import Count
from tools.faults.hostile import ANSWERS, PAGE, PG_NET, REDELIVERY, REFUSALS, Hostile
from tools.faults.proxies.http import Answer, Request, aging
from tools.faults.running import FAILED, PASSED, Result, problems_of
from tools.faults.scenarios import ALL
from tools.faults.writing import Written

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = {"inserted": 10, "delivered": 10, "effects": 10}


def should_have_nothing_to_say_of_what_arrived() -> None:
    assert Count(**GOOD).problems() == []
    assert Count(**GOOD | {"mistaken": 2, "effects": 8, "dead": 2}).problems() == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"missing": 1, "effects": 9}, "1 of 10 committed rows are lost"),
        ({"repeated": 1, "effects": 11}, "1 rows had their effect more than once"),
        ({"mistaken": 2, "effects": 8, "dead": 1}, "1 of 10 committed rows are lost"),
        ({"captured": {5: 0}}, "1 rows don't have one event each"),
        ({"unwarranted": 3}, "3 events of good rows are in the dead-letter queue"),
        ({"pending": 1}, "1 messages are still pending"),
        ({"inserted": 0, "effects": 0}, "no row was committed"),
    ],
)
def should_say_what_is_wrong(wrong: dict[str, Any], said: str) -> None:
    assert said in Count(**GOOD | wrong).problems()


def should_find_writes_that_failed_waited_or_lost_their_connection() -> None:
    written = Written(transactions=5, lost=1, failures=Counter({"LockNotAvailable: x": 2}), slowest=2.5)

    assert problems_of(written, disconnects=False) == [
        "2 writes failed with LockNotAvailable: x",
        "1 writes lost their connection",
        "a write took 2.5 s, more than 2 s",
    ]
    assert len(problems_of(written, disconnects=True)) == 2


def should_give_each_hostile_answer_in_turn_and_let_only_redelivery_through() -> None:
    hostile = Hostile()
    sent: list[str] = []

    def send(request: Request) -> Answer:
        sent.append(request.headers["user-agent"])
        return Answer(200, {})

    for user_agent in ("pg_net/0.20.4", "supabase-external-compute/1"):
        headers = {"user-agent": user_agent, "webhook-id": "an-id"}
        answers = [hostile(Request("POST", "/hooks", headers, b""), send) for _ in ANSWERS]
        assert sorted(answer.status for answer in answers) == [200] * (len(ANSWERS) - 1) + [302]
    assert hostile(Request("POST", PAGE, {}, b""), send).status == 200

    assert hostile.all_met(PG_NET)
    assert hostile.all_met(REDELIVERY)
    assert sent == ["supabase-external-compute/1"] * (len(ANSWERS) - len(REFUSALS))


def should_note_how_old_requests_are() -> None:
    ages: list[float] = []
    headers = {"webhook-timestamp": str(int(time.time()) - 30)}

    assert aging(ages)(Request("POST", "/", headers, b""), lambda _: Answer(202, {})) == Answer(202, {})

    assert 30 <= ages[0] < 35


def should_write_what_failed_as_failed(tmp_path: Path) -> None:
    lost = Count(**GOOD, missing=3)
    results = [
        Result(name="a", summary="", outcome=PASSED, seconds=1.0, count=Count(**GOOD)),
        Result(name="b", summary="", outcome=FAILED, seconds=1.0, problems=["lost"], count=lost),
    ]

    report.write(results, {"cores": 2}, seconds=2.0, path=tmp_path / "faults.json")

    written = json.loads((tmp_path / "faults.json").read_text())
    assert written["passed"] is False
    assert [(each["outcome"], each["lost"]) for each in written["scenarios"]] == [
        ("passed", 0),
        ("failed", 3),
    ]
    assert "[red]failed[/]" in report.cells(results[1])


def should_name_scenarios_in_full_where_there_is_no_terminal() -> None:
    results = [
        Result(name=each.name, summary=each.summary, outcome=PASSED, seconds=1, count=Count(inserted=12345))
        for each in ALL
    ]
    console = Console(file=io.StringIO(), width=80)

    report.show(console, results)

    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert [each.name for each in ALL if each.name not in shown] == []


def should_name_each_scenario_once_and_say_what_it_does() -> None:
    assert len({each.name for each in ALL}) == len(ALL)
    for each in ALL:
        assert each.summary.endswith("."), each.name
