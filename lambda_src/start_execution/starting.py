"""One execution an event, named by the event's id: Step Functions itself refuses a second one.

A name stays taken until 90 days after its execution has ended. So does the name of one that failed: it is
continued with "redrive" in Step Functions, not by sending its event again.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bridge import aws
from bridge.batch import DUPLICATE, PROCESSED
from bridge.events import Event
from start_execution.errors import StartError, StepFunctionsUnavailableError
from start_execution.inputs import execution_input

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_stepfunctions import SFNClient

# "<webhook-id>:<index>", as the database makes them.
_EVENT_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(0|[1-9][0-9]{0,8})", re.ASCII)
# Clocks of AWS differ by less, and by more than the time of a start that was asked for just now.
_TOLERANCE = timedelta(seconds=5)
_SERVER_ERROR = 500


def start(state_machine_arn: str, event: Event, body: str) -> str:
    """Start the execution of an event.

    Args:
        state_machine_arn: of which.
        event: names the execution.
        body: the event's queue message, which is the execution's input.

    Returns:
        PROCESSED, or DUPLICATE if this event's execution has been started before.

    Raises:
        StepFunctionsUnavailableError: it may work later.
        StartError: it is refused.
        MalformedMessageError: nothing of the event that could be left out makes it small enough.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    client: SFNClient = aws.client("stepfunctions")
    asked_at = datetime.now(UTC)
    try:
        answer = client.start_execution(
            stateMachineArn=state_machine_arn,
            name=execution_name(event.id),
            input=execution_input(event, body),
        )
    except client.exceptions.ExecutionAlreadyExists:
        return DUPLICATE
    except ClientError as error:
        raise _refusal(error) from None
    except BotoCoreError as error:
        raise StepFunctionsUnavailableError(f"no answer to StartExecution: {type(error).__name__}") from None
    # While the first one runs, its name with the same input is answered as if it had been started now.
    return DUPLICATE if answer["startDate"] < asked_at - _TOLERANCE else PROCESSED


def execution_name(event_id: str) -> str:
    """Return the name of an event's execution: never the same for two events.

    A name has at most 80 characters, and Step Functions' logs want letters, digits, "-" and "_". An id that
    is not of the database's form is told by its SHA-256.
    """
    if parts := _EVENT_ID.fullmatch(event_id):
        return f"{parts[1]}-{parts[2]}"
    return f"sha256-{hashlib.sha256(event_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _refusal(error: "ClientError") -> StartError:
    code = str(error.response["Error"]["Code"])
    passing = (
        error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR
        or "Throttling" in code
        or code in {"ExecutionLimitExceeded", "TooManyRequestsException"}
    )
    return (StepFunctionsUnavailableError if passing else StartError)(f"StartExecution was refused: {code}")
