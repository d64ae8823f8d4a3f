"""A task of a state machine is one transaction, and what is told of its failure quotes no row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from bridge.errors import DatabaseUnavailableError, OutOfTimeError, SettingsError
from bridge.task import Task, task
from tests.unit.aws import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from tests.databases import Database as TestDatabase
    from tests.unit.aws import Secret

    Make = Callable[[Callable[[dict[str, Any], psycopg.Connection], Any]], Task]

STATE = {"event_id": "event:0", "note": "private"}


@pytest.fixture
def effects(database: TestDatabase) -> TestDatabase:
    database.execute("create table public.effect (note text unique)")
    return database


@pytest.fixture
def make(function_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:  # noqa: ARG001
    """Decorate handlers, and close their connections in the end."""
    # Powertools keeps a logger, and the standard output of its time, for each name.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"task_{uuid4().hex}")
    made: list[Task] = []

    def make(handle: Callable[[dict[str, Any], psycopg.Connection], Any]) -> Task:
        made.append(task(handle))
        return made[-1]

    yield make
    for each in made:
        each.database.close()


def leave_effect(state: dict[str, Any], db: psycopg.Connection) -> dict[str, Any]:
    db.execute("insert into public.effect values (%s)", (state["note"],))
    return {"status": "done"}


def call(handler: Task, state: Any = None, remaining_ms: int = 60_000) -> Any:
    context: Any = Context(remaining_ms)
    return handler(STATE if state is None else state, context)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def should_hand_the_result_to_the_machine(
    make: Make, effects: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(make(leave_effect)) == {"status": "done"}

    assert effects.column("select note from public.effect") == ["private"]
    done, metrics = lines(capsys)
    assert (done["message"], done["event_id"]) == ("task done", "event:0")
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["worker"]]
    assert metrics["TaskDone"] == [1.0]


def should_leave_nothing_of_a_task_that_fails(
    make: Make, effects: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    class NoStockError(Exception):
        pass

    def fail(state: dict[str, Any], db: psycopg.Connection) -> None:
        leave_effect(state, db)
        raise NoStockError(state["note"])

    with pytest.raises(Exception, match="the log of the task's function") as raised:
        call(make(fail))

    assert type(raised.value).__name__ == "NoStockError"
    assert raised.value.__cause__ is None
    assert effects.column("select note from public.effect") == []
    failed, metrics = lines(capsys)
    assert (failed["message"], failed["event_id"], failed["error"]) == (
        "task failed",
        "event:0",
        "NoStockError",
    )
    assert "private" not in json.dumps(failed)
    assert metrics["TaskFailed"] == [1.0]


def should_tell_of_postgres_error_what_quotes_no_row(make: Make, effects: TestDatabase) -> None:
    effects.execute("insert into public.effect values ('private')")

    with pytest.raises(Exception, match="duplicate key value") as raised:
        call(make(leave_effect))

    assert type(raised.value).__name__ == "UniqueViolation"
    assert "private" not in str(raised.value)


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("select 'private'::text::uuid", "22P02"),
        ("do $$ begin raise exception 'private'; end $$", "P0001"),
        ("do $$ begin raise unique_violation using message = 'private'; end $$", "23505"),
    ],
)
def should_tell_nobody_the_values_that_postgres_quotes(
    make: Make, capsys: pytest.CaptureFixture[str], statement: str, state: str
) -> None:
    with pytest.raises(Exception, match="the log of the task's function") as raised:
        call(make(lambda _, db: db.execute(statement)))

    [line, *_] = lines(capsys)
    assert line["sqlstate"] == state
    assert "private" not in f"{raised.value} {line}"


def should_raise_the_bridges_own_errors_as_they_are(make: Make, database_secret: Secret) -> None:
    database_secret.put({"database_url": "postgresql://postgres:hunter2@127.0.0.1:9/postgres"})

    with pytest.raises(DatabaseUnavailableError, match="cannot connect to Postgres"):
        call(make(leave_effect))


def should_not_begin_without_time_to_finish(make: Make) -> None:
    with pytest.raises(OutOfTimeError):
        call(make(leave_effect), remaining_ms=1_500)


def should_stop_a_statement_before_the_function_is_stopped(make: Make) -> None:
    with pytest.raises(Exception, match="statement timeout") as raised:
        call(make(lambda _, db: db.execute("select pg_sleep(30)")), remaining_ms=2_100)
    assert type(raised.value).__name__ == "QueryCanceled"


@pytest.mark.usefixtures("effects")
def should_need_no_event_id(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    call(make(leave_effect), {"note": "a"})

    assert "event_id" not in lines(capsys)[0]


def should_take_a_single_value_of_a_map(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    handled: list[Any] = []

    call(make(lambda state, _: handled.append(state)), 7)

    assert handled == [7]
    assert "event_id" not in lines(capsys)[0]


def should_stay_callable_with_a_state_and_a_connection(effects: TestDatabase) -> None:
    handler = task(leave_effect)

    assert handler(STATE, effects.connection) == {"status": "done"}


def should_name_a_setting_that_is_missing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_SECRET_ID")

    with pytest.raises(SettingsError, match="DATABASE_SECRET_ID is not set"):
        call(make(leave_effect))
