"""The Lambda function behind the queue of a worker that has a state machine."""

import functools
import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bridge.batch import Batches, event_timeout_ms
from bridge.events import Event
from start_execution.errors import StepFunctionsUnavailableError
from start_execution.settings import Settings
from start_execution.starting import start


@functools.cache
def settings() -> Settings:
    return Settings.from_environment(os.environ)


@functools.cache
def batches() -> Batches:
    return Batches(settings().worker, settings().queue_url, outage=StepFunctionsUnavailableError)


def handler(batch: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Start an execution for each event of a batch of SQS records.

    Returns:
        The records that failed, as `ReportBatchItemFailures` wants them.
    """

    def process(event: Event, body: str) -> str:
        event_timeout_ms(context)
        return start(settings().state_machine_arn, event, body)

    return batches().answer(batch, context, process)
