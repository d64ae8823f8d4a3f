"""The decorator that turns business logic into the Lambda function of a state machine's tasks."""

import functools
import os
from collections.abc import Callable
from typing import Any, overload

import psycopg
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from bridge.batch import event_timeout_ms
from bridge.database import Database
from bridge.environment import required
from bridge.errors import BridgeError, SupabaseError
from bridge.events import message_id_of
from bridge.failures import describe

State = dict[str, Any]
Handler = Callable[[State, psycopg.Connection], Any]


class Task:
    """A handler of states that Step Functions can call.

    Each call is a transaction of its own. Step Functions may call a task again that has succeeded: the
    handler must do no harm then, for example by looking at its row under a lock first. A handler that raises
    is without effect, and Retry and Catch know what it raised by its name.

    Numbers of the state have been through Step Functions, which keeps them as doubles: read money and large
    ids from the row. Called with a state and a connection, it is the plain handler, as tests want it.
    """

    def __init__(self, handle: Handler) -> None:
        functools.update_wrapper(self, handle)
        self._handle = handle
        self.database = Database.from_environment()

    @functools.cached_property
    def _logger(self) -> Logger:
        return Logger()

    @functools.cached_property
    def _metrics(self) -> Metrics:
        # Without a service there is one dimension: metrics of a worker are found by its name alone.
        return Metrics(service="")

    @overload
    def __call__(self, state: State, context: psycopg.Connection, /) -> Any: ...
    @overload
    def __call__(self, state: State, context: LambdaContext, /) -> Any: ...
    def __call__(self, state: State, context: Any, /) -> Any:
        """Handle the state of an execution.

        Args:
            state: the task's input; its "event_id", if there is one, is logged.
            context: Lambda's, or in a test the connection to use.

        Returns:
            The task's result, as JSON.
        """
        if isinstance(context, psycopg.Connection):
            return self._handle(state, context)
        # A Map state hands over single values too.
        event_id = state.get("event_id") if isinstance(state, dict) else None
        fields = {"event_id": event_id}
        if isinstance(event_id, str):
            fields["message_id"] = message_id_of(event_id)
        with self._logger.append_context_keys(**fields):
            try:
                result = self._transact(state, context)
            except Exception as error:  # noqa: BLE001  # another of its name is raised
                self._logger.error("task failed", extra=describe(error))  # noqa: TRY400  # see describe
                self._count("TaskFailed")
                raise _without_values(error) from None
            self._logger.info("task done")
        self._count("TaskDone")
        return result

    def _transact(self, state: State, context: LambdaContext) -> Any:
        with self.database.transaction(
            timeout_ms=event_timeout_ms(context), request_id=context.aws_request_id
        ) as db:
            return self._handle(state, db)

    def _count(self, outcome: str) -> None:
        self._metrics.add_dimension("worker", required(os.environ, "POWERTOOLS_SERVICE_NAME"))
        self._metrics.add_metric(outcome, MetricUnit.Count, 1)
        self._metrics.flush_metrics()


def task(handle: Handler) -> Task:
    """Turn a handler of states into the Lambda function of a state machine's tasks.

    Example:
        @task
        def handler(state: dict[str, Any], db: Connection) -> dict[str, Any]:
            db.execute("update …")
            return {"status": "done"}
    """
    return Task(handle)


def _without_values(error: Exception) -> Exception:
    """Return an error for the execution's history: by the same name, with what a log may tell."""
    if isinstance(error, BridgeError) and not isinstance(error, SupabaseError):
        return error
    described = describe(error)
    named: type[BridgeError] = type(described["error"], (BridgeError,), {})
    return named(described.get("reason") or "the log of the task's function says where")
